"""One query in three dialects: the cells of `vtr_weekly` from the history and the dimension tables.

The query is made from the book's data, never typed in. Every engine short-circuits CASE, so that the expensive tests
(regexes, check digits) run only over the rows that reach them. A dialect defines names of functions and no rules.
"""

import shapes
from cells import CODE, DAY_MICROS, LETTERS


class DuckDb:
    """DuckDB's names of functions; the other dialects override the names that differ."""

    true, false = "true", "false"
    integer = "bigint"

    def regex(self, text, pattern):
        return f"regexp_full_match({text}, '{pattern}')"

    def number(self, text, start, length):
        return f"cast(substr({text}, {start + 1}, {length}) as bigint)"

    def divide(self, a, b):
        return f"({a} // {b})"

    def micros(self, column):
        return f"epoch_us({column})"

    def length(self, text):
        return f"strlen({text})"

    def holds(self, hay, needle):
        return f"contains('{hay}', {needle})"

    def starts(self, text, prefix):
        return f"starts_with({text}, '{prefix}')"

    def date(self, day):
        return f"(date '1970-01-01' + cast({day} as integer))"

    def flag(self, column):
        return f"coalesce({column}, false)"

    def translate(self, text, these, those):
        return f"translate({text}, '{these}', '{those}')"

    def value(self, column):
        return column

    def joined(self, big, *tables):
        """A large table with small ones joined to it: (kind of join, table and alias, condition) each."""
        return big + "".join(f" {kind} join {table} on {on}" for kind, table, on in tables)


class ClickHouse(DuckDb):
    integer = "Int64"

    def regex(self, text, pattern):
        return f"match({text}, '^(?:{pattern})$')"

    def number(self, text, start, length):
        return f"toInt64OrZero(substring({text}, {start + 1}, {length}))"

    def divide(self, a, b):
        return f"intDiv({a}, {b})"

    def micros(self, column):
        return f"toUnixTimestamp64Micro(toDateTime64({column}, 6, 'UTC'))"

    def length(self, text):
        return f"length({text})"

    def holds(self, hay, needle):
        return f"(position('{hay}', {needle}) > 0)"

    def starts(self, text, prefix):
        return f"startsWith({text}, '{prefix}')"

    def date(self, day):
        return f"toDate32(toInt32({day}))"

    def translate(self, text, these, those):
        # Its translate maps one to one, so removed characters are replaced separately.
        if not those:
            for one in these:
                text = f"replaceAll({text}, '{one}', '')"
            return text
        return f"translate({text}, '{these}', '{those}')"


class DataFusion(DuckDb):
    def joined(self, big, *tables):
        # It hashes the left side, but for an inner join the side that it takes for the smaller one: the history.
        # Every row of the history has its partner, so outer joins find the same rows.
        for _, table, on in tables:
            big = f"{table} right join ({big}) on {on}"
        return big

    def number(self, text, start, length):
        return f"try_cast(substr({text}, {start + 1}, {length}) as bigint)"

    def regex(self, text, pattern):
        return f"regexp_like({text}, '^(?:{pattern})$')"

    def divide(self, a, b):
        return f"({a} / {b})"

    def micros(self, column):
        return f"cast({column} as bigint)"

    def length(self, text):
        return f"octet_length({text})"

    def holds(self, hay, needle):
        return f"(strpos('{hay}', {needle}) > 0)"

    def date(self, day):
        return f"arrow_cast(cast({day} as int), 'Date32')"


def pieces(d, kind, text, part):
    """Returns the digits over which a check runs, as one or two integers of at most eighteen digits, and their
    lengths."""
    start, end = part
    if kind == "s10":
        start, end = start + 2, start + 11
    if kind == "ups":
        # A is 2, B is 3, ..., H is 9, I is 0 and so on; the leading 1Z does not count.
        start, text = start + 2, d.translate(text, LETTERS, "".join(str((2 + at) % 10) for at in range(26)))
    length = end - start
    cuts = [0, length] if length <= 18 else [0, length // 2, length]
    return [(d.number(text, start + a, b - a), b - a) for a, b in zip(cuts, cuts[1:])]


def right(d, kind, numbers):
    """Returns whether the check digit, the last of the digits in `numbers`, is right."""

    def digits():
        for whole, length in numbers:
            for place in reversed(range(length)):
                yield f"{whole} % 10" if place == 0 else f"{d.divide(whole, 10 ** place)} % 10"

    *body, last = digits()
    weighted = lambda weights: "(" + " + ".join(f"{w} * ({digit})" if w > 1 else digit for w, digit in zip(weights, body)) + ")"
    if kind == "s10":
        rest = f"({weighted([8, 6, 4, 2, 3, 5, 9, 7])} % 11)"
        return f"(case when {rest} = 0 then 5 when {rest} = 1 then 0 else 11 - {rest} end = {last})"
    if kind == "gs1":
        return f"((10 - {weighted([3 if (len(body) - place) % 2 else 1 for place in range(len(body))])} % 10) % 10 = {last})"
    if kind == "mod7":
        [(whole, _)] = numbers
        return f"({d.divide(whole, 10)} % 7 = {last})"
    if kind == "fedex_12":
        return f"({weighted([(3, 1, 7)[place % 3] for place in range(len(body))])} % 11 % 10 = {last})"
    if kind == "ups":
        return f"((10 - {weighted([1 + place % 2 for place in range(len(body))])} % 10) % 10 = {last})"
    raise NotImplementedError(f"check {kind}: no number of the history met it before")


def any_form(d, variants, text):
    """Returns WHEN lines that are true if one of the variants fits, with its check."""
    soft, hard = shapes.soft_and_hard(variants)
    lines = [f"when {d.regex(text, shapes.regex(soft))} then {d.true}"] if soft else []
    for (kind, length, part), those in hard.items():
        tests = [d.regex(text, shapes.regex(those)), right(d, kind, pieces(d, kind, text, part))]
        lines.append(f"when {' and '.join(tests)} then {d.true}")
    return f"case {' '.join(lines)} else {d.false} end" if lines else d.false


def hard_groups(facts):
    """Returns every check that may accept a number, by (kind, length, part); the index is its code."""
    return sorted({group for friends, *_ in facts.forms for group in shapes.soft_and_hard(friends)[1]})


def hard_form(d, groups, variants):
    """Returns the result for a number with a form: -1 if that is enough, the code of the check that it must still
    pass, or 0."""
    soft, hard = shapes.soft_and_hard(variants)
    assert len({length for _, length, _ in hard}) == len(hard), "one check a length, or one could hide the other"
    lines = [f"when {d.regex('c', shapes.regex(soft))} then -1"] if soft else []
    lines += [f"when {d.regex('c', shapes.regex(those))} then {1 + groups.index(group)}" for group, those in hard.items()]
    return f"case {' '.join(lines)} else 0 end" if lines else "0"


def piece(d, groups, at):
    """Returns the first or second integer of the check that a number must pass."""
    lines = []
    for code, (kind, _, part) in enumerate(groups):
        found = pieces(d, kind, "c", part)
        lines += [f"when w = {1 + code} then {found[at][0]}"] if at < len(found) else []
    return f"case {' '.join(lines)} else 0 end" if lines else "0"


def passes(d, groups):
    lines = []
    for code, (kind, _, part) in enumerate(groups):
        lengths = [length for _, length in pieces(d, kind, "c", part)]
        lines.append(f"when w = {1 + code} then {right(d, kind, list(zip(('pa', 'pb'), lengths)))}")
    return f"case when w = -1 then {d.true} {' '.join(lines)} else {d.false} end"


def by_form(facts, tell, otherwise="false"):
    """Returns a CASE over the forms of carriers, the most common first."""
    told = [(form, tell(*one)) for form, one in enumerate(facts.forms)]
    return f"case {' '.join(f'when f = {form} then {text}' for form, text in told)} else {otherwise} end"


def placeholder(d, facts):
    """Returns whether the tracking field holds a text that is no number."""
    exact = facts.listed
    up = "0123456789" * 4
    tests = [f"{d.length('c')} < {facts.min_length}", d.regex("c", "[^0-9]*|" + "|".join(f"{digit}+" for digit in range(10)))]
    if exact:
        tests.append("c in (" + ", ".join(f"'{text}'" for text in exact) + ")")
    tests += ["c = o", "c = concat(o, 'INVALIDID')", d.holds(up, "c"), d.holds(up[::-1], "c")]
    return "(" + " or ".join(tests) + ")"


def number_steps(d, facts):
    """Returns the steps that compute, as `t`, whether a number fits no form that its carrier may print; they wrap t4."""
    groups = hard_groups(facts)
    form = by_form(facts, lambda friends, *_: hard_form(d, groups, friends), "0")
    return (f"""select *, case when {passes(d, groups)} then 0 else 1 end as t
      from (
        select *, {piece(d, groups, 0)} as pa, {piece(d, groups, 1)} as pb
        from (
          select *, case when r < 0 and k >= 2 then {form} else -1 end as w
          from (""", """) t4
        ) form
      ) piece""")


def text_of(column):
    return f"coalesce({column}, '')"


def query(d, facts, source, table, job):
    """The cells: seller, marketplace, programme, carrier, week, measure, count."""
    micros, end = d.micros, facts.end
    us = f"coalesce({micros('promised_delivery_at')}, {micros('shipped_at')})"
    steps = " + ".join(f"case when us >= t{slot} then d{slot} else 0 end" for slot in range(facts.change_slots))
    cuts = " + ".join(f"case when day >= c{slot} then 1 else 0 end" for slot in range(facts.cut_slots))
    exempt = " or ".join(
        f"buy{slot} >= 0 and (buy{slot} = 2 or buy{slot} = bought) and (in{slot} = '' or in{slot} = cur and package_value < below{slot})"
        for slot in range(facts.exempt_slots))
    sets = ", ".join(f"{column}{slot}" for slot in range(facts.exempt_slots) for column in ("buy", "below", "in"))
    clean = f"upper({d.translate(text_of('h.tracking_number'), ' -.', '')})"
    own = by_form(facts, lambda _, own, *__: d.regex("c", shapes.regex(own)) if own else d.false)
    malformed = by_form(facts, lambda _, __, closed, prefixes: d.true if closed else
                        " or ".join(d.starts("c", text) for text in prefixes) or d.false)
    dated = f"""(
              select *, v0 + {cuts or '0'} as v
              from (
                select *, {d.divide(f'(us + o0 + {steps or 0})', DAY_MICROS)} as day
                from (
                  select h.seller_id as seller_id, h.programme as programme, mk.m as m, mk.v0 as v0, mk.o0 as o0, sv.s as s,
                    {', '.join(f'mk.t{i} as t{i}, mk.d{i} as d{i}' for i in range(facts.change_slots))},
                    {''.join(f'mk.c{i} as c{i}, ' for i in range(facts.cut_slots))}
                    {us} as us, coalesce(h.carrier, '') as typed, {clean} as c, {d.translate(text_of('h.order_id'), '-', '')} as o,
                    coalesce(h.ship_from_country, '') as origin, coalesce(h.ship_to_country, '') as destination,
                    coalesce(h.currency, mk.home) as cur, {d.value('h.package_value')} as package_value,
                    case when {d.flag('h.buy_shipping')} then 1 else 0 end as bought,
                    upper(coalesce(h.fulfillment_channel, '')) as channel, upper(coalesce(h.order_status, '')) as status,
                    {micros('h.tracking_added_at')} as added, {micros('h.first_scan_at')} as seen_first, {micros('h.delivery_scan_at')} as delivered
                  from {d.joined(f'{source} h',
                      ('inner', table('markets') + ' mk', 'h.marketplace = mk.marketplace'),
                      ('inner', table('services') + ' sv', "coalesce(h.ship_service, '') = sv.ship_service"))}
                  where coalesce({micros('h.updated_at')}, 0) < {end} and coalesce({micros('h.shipped_at')}, 0) < {end}
                ) t1
              ) t2
            ) a"""
    resolved = d.joined(dated,
                        ("inner", f"{table('lanes')} l", "a.v = l.of_v and a.origin = l.of_origin and a.destination = l.of_destination"),
                        ("inner", f"{table('names')} k", "a.m = k.of_m and a.typed = k.name and a.origin = k.left_from"))
    placed = f"""(
            select a.*, l.lane as lane, k.k as k, k.f as f, k.han as han,
              (cast(l.lane as bigint) * {facts.carrier_count} + k.k) * {facts.service_count} + a.s as rule_key
            from {resolved}
          ) b"""
    ruled = d.joined(placed, ("left", f"{table('rules')} x", "b.rule_key = x.rule"),
                     ("left", f"{table('programmes')} g", "b.v = g.of_v and b.programme = g.spelt"))
    number_rungs, form_rungs, told_open, told_close = "", "", "select * from (", ") t4"
    if job != "scan":
        told_open, told_close = number_steps(d, facts)
        number_rungs = f"when t = 1 and {any_form(d, facts.signatures, 'c')} then {CODE['carrier_mismatch']}"
        form_rungs = f"when t = 1 and {own} then {CODE['check_digit_failed']} when t = 1 and {malformed} then {CODE['number_malformed']}"
    counted = f"""(
  select seller_id, q, cast(count(*) as bigint) as n
  from (
    select seller_id, (((cast(week as bigint) * 64 + m) * 128 + k) * 16 + p) * 16 + case
      when r >= 0 then r {number_rungs}
      when added < end_us and delivered < end_us and added > delivered then {CODE['added_after_delivery']}
      when seen >= needed then {CODE['valid']} {form_rungs}
      when seen > 0 then {CODE['delivery_scan_missing']}
      else {CODE['scan_missing']} end as q
    from (
      {told_open}
        select seller_id, m, k, f, p, day - (day + 3) % 7 as week, c, added, delivered, cast({end} as bigint) as end_us,
          case when seen_first < {end} then 1 else 0 end + case when delivered < {end} then 1 else 0 end as seen,
          case when split = 0 then below_needs when package_value is null or split_in <> cur then unknown_needs
               when package_value < split then below_needs else else_needs end as needed,
          case
            when lane < 0 or channel in ('AFN', 'FBA', 'AMAZON') or status in ('CANCELED', 'CANCELLED') then {CODE['out_of_scope']}
            when always or {exempt} then {CODE['exempt']}
            when c = '' then {CODE['tracking_missing']}
            when {placeholder(d, facts)} then {CODE['tracking_placeholder']}
            when k = 0 then {CODE['carrier_missing']}
            when gone >= 0 then gone
            when not_cn and {d.regex('c', '.*CN')} = false or not_han and han then {CODE['number_refused']}
            else -1 end as r
        from (
          select b.*, case when x.own_programme >= 0 then x.own_programme else coalesce(g.p, 0) end as p,
                 coalesce(x.always, {d.false}) as always, coalesce(x.gone, -1) as gone,
                 coalesce(x.not_cn, {d.false}) as not_cn, coalesce(x.not_han, {d.false}) as not_han,
                 coalesce(x.split, 0) as split, x.split_in as split_in, x.below_needs as below_needs, x.else_needs as else_needs,
                 x.unknown_needs as unknown_needs, {', '.join('x.' + one + ' as ' + one for one in sets.split(', '))}
          from {ruled}
        ) t3
      {told_close}
    ) t5
  ) t6
  group by seller_id, q
) cells"""
    labels = (("market", "lm", f"{d.divide('q', 128 * 16 * 16)} % 64"), ("carrier", "lc", f"{d.divide('q', 16 * 16)} % 128"),
              ("programme", "lp", f"{d.divide('q', 16)} % 16"), ("measure", "ls", "q % 16"))
    labelled = d.joined(counted, *(("inner", f"{table('label_' + name)} {alias}", f"{code} = {alias}.code") for name, alias, code in labels))
    return f"""
select seller_id, lm.label as marketplace, lp.label as programme, lc.label as carrier,
       {d.date(d.divide('q', 64 * 128 * 16 * 16))} as week_start, ls.label as measure, n
from {labelled}
"""
