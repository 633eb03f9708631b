"""The same cells as sql.py, in Polars expressions for its streaming engine.

Polars computes every branch of when/then for every row, so expensive branches are given nulls for rows that do not
need them, and one regex over the form's code and the number together recognises all forms of all carriers.
"""

import pickle

import polars as pl

import shapes
from cells import CODE, DAY_MICROS, LETTERS
from peer import TIMES

TEXTS = """seller_id marketplace order_id fulfillment_channel order_status carrier ship_service tracking_number ship_from_country
ship_to_country currency programme""".split()


def one_of(conditions):
    found = pl.lit(False)
    for condition in conditions:
        found = found | condition
    return found


def history(task):
    used = [*TEXTS, "buy_shipping", "package_value", *TIMES]
    if task["format"] == "parquet":
        return pl.scan_parquet(task["history"]).select(used).with_columns(pl.col(TIMES).dt.timestamp("us"))
    kinds = {"buy_shipping": pl.Boolean, "package_value": pl.Float64}
    schema = {name: kinds.get(name, pl.String) for name in task["columns"]}
    frame = pl.scan_csv(task["history"], schema=schema).select(used)
    return frame.with_columns(pl.col(TIMES).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us").dt.timestamp("us"))


def survey(task):
    """Surveys the history for the query; text is parsed once for all sets, columns of Parquet are read one set after
    the other."""
    frame = history(task)
    number = pl.col("tracking_number").fill_null("").str.replace_all("[ .-]", "").str.to_uppercase()
    heads = {} if task["job"] == "scan" else {"length": number.str.len_bytes(), "head": number.str.slice(0, 2)}
    text = lambda name: pl.col(name).fill_null("")
    sets = [frame.select("marketplace", text("carrier"), **heads), frame.select("marketplace", text("ship_from_country"), text("ship_to_country")),
            frame.select(text("ship_service")), frame.select("programme")]
    bounds = frame.select(getattr(pl.col(name), bound)().alias(name + bound) for name in TIMES[:2] for bound in ("min", "max"))
    lazy = [one.unique() for one in sets]

    def found():
        if task["format"] == "csv":
            return pl.collect_all([*lazy, bounds], engine="streaming")[:-1]
        bounds.collect(engine="streaming")
        return [one.collect(engine="streaming") for one in lazy]

    return found


def regex_by_form(facts, tell):
    """One regex over the form's two digits and the number."""
    told = [f"{form:02d}(?:{pattern})" for form, one in enumerate(facts.forms) if (pattern := tell(one))]
    return f"^(?:{'|'.join(told)})$"


def weighted(number, start, weights):
    """Returns the sum of digits times weights over all numbers at once, as bytes in arrays; null for null numbers."""
    kind = pl.Array(pl.UInt8, len(weights))
    digits = number.str.slice(start, len(weights)).cast(pl.Binary).bin.reinterpret(dtype=kind, endianness="little") - 48
    return (digits * pl.lit(pl.Series([weights], dtype=kind)).first()).arr.sum().cast(pl.Int64)


def passes(kind, part, number):
    """Returns whether numbers have the check digit of a kind; unneeded numbers are null, all others have its form."""
    start, end = part
    body, last = end - start - 1, number.str.slice(end - 1, 1).cast(pl.Int64)
    if kind == "s10":
        rest, last = weighted(number, start + 2, [8, 6, 4, 2, 3, 5, 9, 7]) % 11, number.str.slice(start + 10, 1).cast(pl.Int64)
        right = pl.when(rest == 0).then(5).when(rest == 1).then(0).otherwise(11 - rest) == last
    elif kind == "gs1":
        right = weighted(number, start, [3 if (body - place) % 2 else 1 for place in range(body)] + [1]) % 10 == 0
    elif kind == "mod7":
        right = number.str.slice(start, body).cast(pl.Int64) % 7 == last
    elif kind == "fedex_12":
        right = weighted(number, start, [(3, 1, 7)[place % 3] for place in range(body)]) % 11 % 10 == last
    elif kind == "ups":
        # A is 2, B is 3, ..., H is 9, I is 0 and so on; the leading 1Z does not count.
        digits = number.str.replace_many(list(LETTERS), [str((2 + at) % 10) for at in range(26)])
        right = weighted(digits, start + 2, [1 + place % 2 for place in range(body - 2)] + [1]) % 10 == 0
    else:
        raise NotImplementedError(kind)
    return right.fill_null(False)


def misfits(facts, frame):
    """`t`: whether the number fits no form that its carrier may print."""
    soft = regex_by_form(facts, lambda form: (lambda some: shapes.regex(some) if some else "")(shapes.soft_and_hard(form[0])[0]))
    asked = (pl.col("r") < 0) & (pl.col("k") >= 2)
    frame = frame.with_columns(fc=pl.when(asked).then(pl.concat_str("fx", "c")))
    frame = frame.with_columns(fc=pl.when(~pl.col("fc").str.contains(soft)).then(pl.col("fc")))
    groups = sorted({group for friends, *_ in facts.forms for group in shapes.soft_and_hard(friends)[1]})
    length = pl.col("fc").str.len_bytes() - 2
    passed = []
    for group in groups:
        kind, size, part = group
        form = regex_by_form(facts, lambda form: shapes.regex(those) if (those := shapes.soft_and_hard(form[0])[1].get(group)) else "")
        candidate = pl.when(length == size).then(pl.col("fc"))
        number = pl.when(candidate.str.contains(form)).then(pl.col("c"))
        passed.append(passes(kind, part, number))
    return frame.with_columns(t=pl.col("fc").is_not_null() & ~one_of(passed))


def number_rungs(facts):
    """Returns conditions for rungs 13, 17 and 16 over rows whose number fits no form."""
    number = pl.when(pl.col("t")).then(pl.col("c"))
    both = pl.when(pl.col("t")).then(pl.col("fc"))
    soft, hard = shapes.soft_and_hard(facts.signatures)
    signed = [number.str.contains(f"^(?:{shapes.regex(soft)})$")]
    for (kind, _, part), those in hard.items():
        candidate = pl.when(number.str.contains(f"^(?:{shapes.regex(those)})$")).then(number)
        signed.append(passes(kind, part, candidate))
    own = both.str.contains(regex_by_form(facts, lambda form: shapes.regex(form[1]) if form[1] else ""))
    malformed = both.str.contains(regex_by_form(
        facts, lambda form: ".*" if form[2] else "|".join(f"{prefix}.*" for prefix in form[3])))
    return one_of(signed).fill_null(False), own.fill_null(False), malformed.fill_null(False)


def placeholder(facts):
    c, o = pl.col("c"), pl.col("o")
    up = "0123456789" * 4
    return one_of([
        c.str.len_bytes() < facts.min_length,
        c.str.contains("^(?:[^0-9]*|" + "|".join(f"{digit}+" for digit in range(10)) + ")$"),
        c.is_in(facts.listed), c == o, c == o + "INVALIDID",
        # A counting run is part of a longer one: a regex of all starts recognises it.
        c.str.contains(f"^(?:{'|'.join(runs(up) + runs(up[::-1]))})$")])


def runs(long):
    """Returns for each first digit the longest counting run, of which any part (of five or more) also counts."""
    texts = []
    for start in range(10):
        text = ""
        for digit in reversed(long[start:start + 24]):
            text = f"{digit}(?:{text})?" if text else f"{digit}?"
        texts.append(text)
    return texts


def resolved(task, facts):
    """Returns the history with everything that follows from names and days."""
    table = lambda name: pl.scan_parquet(f"{task['dims']}/{name}.parquet")
    end = facts.end
    frame = history(task).filter((pl.col("updated_at").fill_null(0) < end) & (pl.col("shipped_at").fill_null(0) < end))
    frame = frame.with_columns(pl.col("ship_service", "carrier", "ship_from_country", "ship_to_country").fill_null(""))
    frame = frame.join(table("markets"), on="marketplace").join(table("services"), on="ship_service")
    us = pl.coalesce("promised_delivery_at", "shipped_at")
    local = us + pl.col("o0") + sum((pl.when(us >= pl.col(f"t{i}")).then(pl.col(f"d{i}")).otherwise(0) for i in range(facts.change_slots)), start=pl.lit(0))
    frame = frame.with_columns(day=local // DAY_MICROS)
    cuts = sum(((pl.col("day") >= pl.col(f"c{i}")).cast(pl.Int32) for i in range(facts.cut_slots)), start=pl.col("v0"))
    frame = frame.with_columns(v=cuts.cast(pl.Int32))
    frame = frame.join(table("lanes"), left_on=["v", "ship_from_country", "ship_to_country"], right_on=["of_v", "of_origin", "of_destination"])
    names = table("names").with_columns(fx=pl.col("f").cast(pl.String).str.pad_start(2, "0"))
    frame = frame.join(names, left_on=["m", "carrier", "ship_from_country"], right_on=["of_m", "name", "left_from"])
    key = (pl.col("lane").cast(pl.Int64) * facts.carrier_count + pl.col("k")) * facts.service_count + pl.col("s")
    rules = table("rules").with_columns(pl.col("rule").cast(pl.Int64))
    frame = frame.with_columns(rule=key).join(rules, on="rule", how="left")
    frame = frame.join(table("programmes"), left_on=["v", "programme"], right_on=["of_v", "spelt"], how="left")
    number = pl.col("tracking_number").fill_null("").str.replace_all("[ .-]", "").str.to_uppercase()
    return frame.with_columns(
        c=number, o=pl.col("order_id").str.replace_all("-", "", literal=True), cur=pl.coalesce("currency", "home"),
        bought=pl.col("buy_shipping").fill_null(False).cast(pl.Int32),
        channel=pl.col("fulfillment_channel").fill_null("").str.to_uppercase(),
        status=pl.col("order_status").fill_null("").str.to_uppercase(),
        p=pl.when(pl.col("own_programme") >= 0).then(pl.col("own_programme")).otherwise(pl.col("p").fill_null(0)))


def early(facts):
    """Returns the measure of rungs 1 to 12, or -1 for rows that pass them."""
    col = pl.col
    exempt = one_of(
        (col(f"buy{i}") >= 0) & ((col(f"buy{i}") == 2) | (col(f"buy{i}") == col("bought")))
        & ((col(f"in{i}") == "") | (col(f"in{i}") == col("cur")) & (col("package_value") < col(f"below{i}")).fill_null(False))
        for i in range(facts.exempt_slots)).fill_null(False)
    gone = (col("lane") < 0) | col("channel").is_in(["AFN", "FBA", "AMAZON"]) | col("status").is_in(["CANCELED", "CANCELLED"])
    refused = col("not_cn") & ~col("c").str.ends_with("CN") | col("not_han") & col("han")
    say = lambda name: pl.lit(CODE[name], pl.Int64)
    return (pl.when(gone).then(say("out_of_scope"))
            .when(col("always").fill_null(False) | exempt).then(say("exempt"))
            .when(col("c") == "").then(say("tracking_missing"))
            .when(placeholder(facts)).then(say("tracking_placeholder"))
            .when(col("k") == 0).then(say("carrier_missing"))
            .when(col("gone") >= 0).then(col("gone").cast(pl.Int64))
            .when(refused.fill_null(False)).then(say("number_refused"))
            .otherwise(pl.lit(-1, pl.Int64)))


def cells(task):
    with open(task["facts"], "rb") as file:
        facts = pickle.load(file)
    col, end = pl.col, facts.end
    say = lambda name: pl.lit(CODE[name], pl.Int64)
    frame = resolved(task, facts).with_columns(r=early(facts))
    added, delivered = col("tracking_added_at"), col("delivery_scan_at")
    seen = (col("first_scan_at") < end).fill_null(False).cast(pl.Int32) + (delivered < end).fill_null(False).cast(pl.Int32)
    needed = (pl.when(col("split") == 0).then(col("below_needs"))
              .when(col("package_value").is_null() | (col("split_in") != col("cur"))).then(col("unknown_needs"))
              .when(col("package_value") < col("split")).then(col("below_needs")).otherwise(col("else_needs")))
    late = ((added < end) & (delivered < end) & (added > delivered)).fill_null(False)
    mismatch = own = malformed = pl.lit(False)
    if task["job"] != "scan":
        frame = misfits(facts, frame)
        mismatch, own, malformed = number_rungs(facts)
    measure = (pl.when(col("r") >= 0).then(col("r")).when(mismatch).then(say("carrier_mismatch"))
               .when(late).then(say("added_after_delivery")).when(seen >= needed).then(say("valid"))
               .when(own).then(say("check_digit_failed")).when(malformed).then(say("number_malformed"))
               .when(seen > 0).then(say("delivery_scan_missing")).otherwise(say("scan_missing")))
    week = (col("day") - (col("day") + 3) % 7).cast(pl.Int64)
    q = (((week * 64 + col("m")) * 128 + col("k")) * 16 + col("p")) * 16 + measure
    counted = frame.select("seller_id", q=q).group_by("seller_id", "q").agg(n=pl.len().cast(pl.Int64))
    label = lambda name: pl.scan_parquet(f"{task['dims']}/label_{name}.parquet").rename({"label": name})
    counted = counted.with_columns(mc=col("q") // 32768 % 64, cc=col("q") // 256 % 128, pc=col("q") // 16 % 16, sc=col("q") % 16,
                                   week_start=(col("q") // 2097152).cast(pl.Int32).cast(pl.Date))
    for name, code in (("market", "mc"), ("carrier", "cc"), ("programme", "pc"), ("measure", "sc")):
        counted = counted.join(label(name), left_on=code, right_on="code")
    return counted.select("seller_id", pl.col("market").alias("marketplace"), "programme", "carrier", "week_start", "measure", "n")
