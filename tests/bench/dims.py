"""The small tables that a careful analyst would prepare before counting in SQL, made from the book and the history's
names.

Each distinct name, route and service of the history is resolved here before anything is timed, and so is the rule of
each lane, carrier and service class. None of this counts against the engines that use it.
"""

import datetime
import decimal
import os
import types
import unicodedata
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import shapes
from book import NONE, OTHER, key
from cells import CODE, DAY_MICROS

EPOCH = datetime.date(1970, 1, 1)

# Codes for lanes that have no number of their own.
NO_POLICY, NOT_MEASURED, NOT_ON_MARKETPLACE = -1, -2, -3

CLEAN = "upper(translate(coalesce(tracking_number, ''), ' -.', ''))"


def _transitions(zone, first, last):
    """Offset in microseconds at the first day, and each (instant, change) up to the last."""
    zone = ZoneInfo(zone)

    def offset(hour):
        moment = datetime.datetime.fromtimestamp(hour * 3600, datetime.UTC).astimezone(zone)
        return int(moment.utcoffset().total_seconds()) * 1_000_000

    hours = range(first * 24, last * 24)
    start = now = offset(hours[0])
    changes = []
    for hour in hours:
        then = offset(hour)
        if then != now:
            changes.append((hour * 3_600_000_000, then - now))
            now = then
    return start, changes


class Dims:
    """Reads the names of a history and writes its dimension tables into a folder."""

    def __init__(self, book, source, as_of, folder):
        self.book, self.folder = book, folder
        self.end = ((datetime.date.fromisoformat(as_of) - EPOCH).days + 1) * DAY_MICROS
        os.makedirs(folder, exist_ok=True)
        db = duckdb.connect()
        db.execute(f"create view history as select * from {source}")
        many = lambda sql: db.execute(sql).fetchall()
        span = many("""select min(least(coalesce(promised_delivery_at, shipped_at), coalesce(shipped_at, promised_delivery_at))),
                       max(greatest(coalesce(promised_delivery_at, shipped_at), coalesce(shipped_at, promised_delivery_at)))
                       from (select epoch_us(promised_delivery_at) promised_delivery_at, epoch_us(shipped_at) shipped_at from history)""")[0]
        self.first, self.last = span[0] // DAY_MICROS - 2, span[1] // DAY_MICROS + 3
        routes = many("select distinct marketplace, coalesce(ship_from_country, ''), coalesce(ship_to_country, '') from history")
        names = many("select distinct marketplace, coalesce(carrier, '') from history")
        services = [row[0] for row in many("select distinct coalesce(ship_service, '') from history")]
        programmes = [row[0] for row in many("select distinct programme from history where programme is not null")]
        currencies = [row[0] for row in many("select distinct currency from history where currency is not null")]
        assert all(text == text.upper() for text in currencies)
        heads = many(f"select coalesce(carrier, ''), marketplace, strlen(n), left(n, 2), count(*) from (select *, {CLEAN} n from history) group by all")
        # The number that a survey by each engine has to find (survey.py): heads of numbers, routes, services,
        # programmes.
        self.distinct_names = len(names)
        self.distinct = (len(heads), len(routes), len(services), many("select count(*) from (select distinct programme from history)")[0][0])
        db.close()
        self._codes(names, routes)
        self.seen, self.often = {}, {}
        for typed, market, length, head, count in heads:
            for carrier in {self.carrier_of[(typed, self.market_of[market], origin)] for origin in self.origins[self.market_of[market]]}:
                self.seen.setdefault(carrier, set()).add((length, head))
                self.often[carrier] = self.often.get(carrier, 0) + count
        self._forms()
        self._markets(sorted({row[0] for row in routes}))
        self._names(names)
        self._lanes(routes)
        self._services(services)
        self._rules()
        self._programmes(programmes)
        self._labels()

    def _write(self, name, columns):
        pq.write_table(pa.table(columns), f"{self.folder}/{name}.parquet")

    def _codes(self, names, routes):
        self.market_of = {typed: self.book.marketplace(typed) for typed in {row[0] for row in names}}
        self.market_codes = {name: code for code, name in enumerate([NONE, *sorted(set(self.market_of.values()) - {NONE})])}
        # A name may mean another carrier where the package left from; the survey of routes has the origins.
        self.origins = {market: {origin for typed, origin, _ in routes if self.market_of[typed] == market} for market in self.market_codes}
        pairs = {(typed, self.market_of[market]) for market, typed in names}
        self.carrier_of = {(typed, market, origin): self.book.carrier(typed, None if market == NONE else market, origin)
                           for typed, market in pairs for origin in self.origins[market]}
        known = sorted(set(self.carrier_of.values()) - {NONE, OTHER})
        self.carrier_codes = {name: code for code, name in enumerate([NONE, OTHER, *known])}

    def _markets(self, typed):
        """One row for each name as typed: the marketplace's code, currency, clock and versions as sums over steps."""
        self.versions, rows = [], []  # versions: (market, version or None) by code
        facts = {}
        for name in self.market_codes:
            start, changes, cuts = 0, [], []
            base = len(self.versions)
            if name == NONE:
                self.versions.append((NONE, None))
            else:
                start, changes = _transitions(self.book.markets[name]["time_zone"], self.first, self.last)
                for first_day, version in self.book.versions(name):
                    day = (first_day - EPOCH).days if first_day else -(10**6)
                    if day > self.last:
                        continue
                    if day > self.first:
                        cuts.append(day)
                    else:
                        del self.versions[base:]
                    self.versions.append((name, version))
            facts[name] = (base, start, changes, cuts)
        self.change_slots = max(len(fact[2]) for fact in facts.values())
        self.cut_slots = max(len(fact[3]) for fact in facts.values())
        never = 10**17
        for text in typed:
            name = self.market_of[text]
            base, start, changes, cuts = facts[name]
            row = {"marketplace": text, "m": self.market_codes[name], "v0": base, "o0": start,
                   "home": "" if name == NONE else self.book.markets[name]["currency"]}
            for slot in range(self.change_slots):
                row[f"t{slot}"], row[f"d{slot}"] = changes[slot] if slot < len(changes) else (never, 0)
            for slot in range(self.cut_slots):
                row[f"c{slot}"] = cuts[slot] if slot < len(cuts) else 10**8
            rows.append(row)
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        small = {name: pa.array(values, pa.int32()) for name, values in columns.items() if name in ("m", "v0") or name[0] == "c"}
        self._write("markets", columns | small)

    def _names(self, names):
        rows = sorted(self.carrier_of.items())
        han = lambda text: any("CJK UNIFIED" in unicodedata.name(c, "") for c in text)
        self._write("names", {
            "name": [typed for (typed, _, _), _ in rows],
            "of_m": pa.array([self.market_codes[market] for (_, market, _), _ in rows], pa.int32()),
            "left_from": [origin for (_, _, origin), _ in rows],
            "k": pa.array([self.carrier_codes[carrier] for _, carrier in rows], pa.int32()),
            "f": pa.array([self.form_of.get(carrier, -1) for _, carrier in rows], pa.int32()),
            "han": [han(typed) for (typed, _, _), _ in rows]})

    def _lanes(self, routes):
        """Returns for each version and route the lane's code, or why there is none."""
        self.lanes, rows = [], set()
        codes = {}
        for typed, origin, destination in routes:
            market = self.market_of[typed]
            for code, (owner, version) in enumerate(self.versions):
                if owner != market:
                    continue
                if market == NONE:
                    lane = NOT_ON_MARKETPLACE
                elif version is None:
                    lane = NO_POLICY
                elif (found := self.book.lane(market, version, origin, destination)) is None:
                    lane = NOT_MEASURED
                else:
                    lane = codes.setdefault(found["id"], len(codes))
                    if lane == len(self.lanes):
                        self.lanes.append((market, version, found))
                rows.add((code, origin, destination, lane))
        rows = sorted(rows)
        self._write("lanes", {
            "of_v": pa.array([row[0] for row in rows], pa.int32()), "of_origin": [row[1] for row in rows],
            "of_destination": [row[2] for row in rows], "lane": pa.array([row[3] for row in rows], pa.int32())})

    def _services(self, services):
        bits = {text: self.book.service_bits(text) for text in services}
        self.service_codes = {one: code for code, one in enumerate(sorted(set(bits.values()) | {()}))}
        self._write("services", {"ship_service": services,
                                 "s": pa.array([self.service_codes[bits[text]] for text in services], pa.int32())})

    def rule_key(self, lane, carrier, service):
        return (lane * len(self.carrier_codes) + carrier) * len(self.service_codes) + service

    def _rules(self):
        """Returns the rules of a lane for a carrier and a service: one row for each possible combination of the
        three."""
        rows = []
        met = {}
        for (_, market, _), carrier in self.carrier_of.items():
            met.setdefault(market, set()).add(carrier)
        programmes = {lane["programme"] for _, _, lane in self.lanes if "programme" in lane}
        programmes |= {p["name"] for _, version in self.versions if version for p in version.get("programme", [])}
        self.programme_codes = {name: code for code, name in enumerate(["standard", *sorted(programmes)])}
        for code, (market, version, lane) in enumerate(self.lanes):
            for carrier in sorted(met[market]):
                for service, service_code in self.service_codes.items():
                    row = self._rule(version, lane, carrier, service)
                    row["rule"] = self.rule_key(code, self.carrier_codes[carrier], service_code)
                    rows.append(row)
        self.exempt_slots = max(len(row["exempt"]) for row in rows)
        columns = {name: [row[name] for row in rows] for name in rows[0] if name != "exempt"}
        for slot in range(self.exempt_slots):
            for name, nothing in (("buy", -1), ("below", 0), ("in", "")):
                columns[f"{name}{slot}"] = [row["exempt"][slot][name] if slot < len(row["exempt"]) else nothing for row in rows]
        small = {name: pa.array(values, pa.int32()) for name, values in columns.items() if isinstance(values[0], int) and not isinstance(values[0], bool)}
        limits = {name: pa.array([decimal.Decimal(value) for value in values], pa.decimal128(12, 2)) for name, values in columns.items() if name.startswith("below") and name[5:].isdigit()}
        self._write("rules", columns | small | limits)

    def _rule(self, version, lane, carrier, service):
        integrated = self.book.integrated(version, lane)
        counts = integrated is None or carrier in integrated[0]
        known = carrier not in (NONE, OTHER)
        row = {"gone": -1, "always": False, "exempt": [], "not_cn": False, "not_han": False}
        for condition in lane.get("exempt", []):
            if "carriers" in condition and not (known and carrier in self.book.members(condition["carriers"], self.book.groups)):
                continue
            if "services" in condition and self.book.service_class(service, carrier) not in condition["services"]:
                continue
            if "integrated" in condition and (carrier == NONE or condition["integrated"] != counts):
                continue
            if "shipped_before" in condition:
                assert (condition["shipped_before"] - EPOCH).days <= self.first, "the history has no package that this exempts"
                continue
            # Values are whole cents, so at most a limit is below the next cent.
            limit, currency = _money(condition["value_below"]) if "value_below" in condition else (0, "")
            if "value_at_most" in condition:
                limit, currency = _money(condition["value_at_most"])
                limit += decimal.Decimal("0.01")
            buy = {None: 2, True: 1, False: 0}[condition.get("buy_shipping")]
            assert not {"number_not_ending", "carrier_script"} & set(condition)
            if buy == 2 and not currency:
                row["always"] = True
            row["exempt"].append({"buy": buy, "below": limit, "in": currency})
        if not counts and integrated[1]:
            row["gone"] = CODE["out_of_scope" if integrated[1] == "not_measured" else "carrier_not_accepted"]
        for condition in lane.get("refuse", []):
            if "carriers" in condition and not (known and carrier in self.book.members(condition["carriers"], self.book.groups)):
                continue
            assert set(condition) <= {"id", "carriers", "number_not_ending", "carrier_script"}
            row["not_cn"] |= condition.get("number_not_ending") == "CN"
            row["not_han"] |= condition.get("carrier_script") == "han"
        scans = lane["scans"]
        split = isinstance(scans, dict)
        row["split"], row["split_in"] = _money(scans["value_below"]) if split else (0, "")
        row["below_needs"], row["else_needs"] = (scans["then"], scans["otherwise"]) if split else (scans, scans)
        row["unknown_needs"] = max(row["below_needs"], row["else_needs"])
        row["own_programme"] = self.programme_codes[lane["programme"]] if "programme" in lane else -1
        return row

    def _programmes(self, typed):
        rows = []
        for code, (_, version) in enumerate(self.versions):
            for programme in (version or {}).get("programme", []):
                rows += [(code, text, self.programme_codes[programme["name"]]) for text in typed
                         if text.strip().lower() == programme["name"].lower()]
        # A version may have several targets for one programme.
        rows = sorted(set(rows)) or [(-1, "", 0)]
        self._write("programmes", {"of_v": pa.array([row[0] for row in rows], pa.int32()), "spelt": [row[1] for row in rows],
                                   "p": pa.array([row[2] for row in rows], pa.int32())})

    def _labels(self):
        for name, codes in (("market", self.market_codes), ("carrier", self.carrier_codes), ("programme", self.programme_codes), ("measure", CODE)):
            self._write(f"label_{name}", {"code": pa.array(list(codes.values()), pa.int64()), "label": list(codes)})

    # The forms of numbers.

    def _forms(self):
        """Assigns the same form to carriers whose numbers are recognised alike; the most common form comes first."""
        alike = {}
        for _, carrier in self.known():
            own, friends = self.own(carrier), self.friends(carrier)
            closed = self.book.carriers[carrier]["closed"]
            alike.setdefault((shapes.describe(friends), shapes.describe(own), closed, tuple(self.prefixes(carrier))), []).append(carrier)
        ordered = sorted(alike.values(), key=lambda carriers: -sum(self.often[carrier] for carrier in carriers))
        self.form_of = {carrier: form for form, carriers in enumerate(ordered) for carrier in carriers}
        self.forms = [(self.friends(one), self.own(one), self.book.carriers[one]["closed"], self.prefixes(one)) for one, *_ in ordered]

    def meets(self, number):
        """Whether some number of the history could be this one."""
        return any((len(number), number[:2]) in heads for heads in self.seen.values())

    def own(self, carrier):
        return shapes.fewest([v._replace(check="none", part=(0, len(v.classes))) for v in shapes.variants(self.book, carrier)], self.seen[carrier])

    def friends(self, carrier):
        """Returns the forms that a carrier accepts for a number; the check counts only if it is hard."""
        found = [v if v.hard else v._replace(check="none", part=(0, len(v.classes)))
                 for friend in sorted(self.book.friends(carrier)) for v in shapes.variants(self.book, friend)]
        soft = [v for v in found if v.check == "none"]
        kept = [v for v in shapes.fewest(found, self.seen[carrier])
                if v.check == "none" or not any(len(v.classes) == len(s.classes) and shapes.covers(s, v) for s in soft)]
        return kept

    def signatures(self):
        everyone = set().union(*(heads for carrier, heads in self.seen.items() if carrier not in (NONE, OTHER)))
        found = [v for carrier in self.book.carriers for v in shapes.variants(self.book, carrier) if v.strict]
        return shapes.fewest(found, everyone)

    def prefixes(self, carrier):
        strict = [shape for shape in self.book.carriers[carrier].get("shape", []) if shape["signature"] == "strict"]
        return sorted({shapes.prefix(shape["pattern"]) for shape in strict} - {""})

    def listed(self):
        """Words and numbers that are no tracking number, cleaned; words without a digit need no list."""
        listed = self.book.placeholders
        assert all(listed[name] for name in ("repeated", "counting", "order_id", "no_digit")) and listed["order_id_suffixes"] == ["InvalidId"]
        words = {key(word).upper() for word in listed["words"]}
        with_digits = {word for word in words if any(c.isdigit() for c in word)}
        return sorted(text for text in with_digits | set(listed["numbers"]) if self.meets(text))

    def facts(self):
        """Returns everything from which a query is made, as plain values."""
        return types.SimpleNamespace(
            end=self.end, change_slots=self.change_slots, cut_slots=self.cut_slots, exempt_slots=self.exempt_slots,
            carrier_count=len(self.carrier_codes), service_count=len(self.service_codes), forms=self.forms,
            distinct=self.distinct, distinct_names=self.distinct_names, signatures=self.signatures(), listed=self.listed(), min_length=self.book.placeholders["min_length"])

    def known(self):
        return [(code, carrier) for carrier, code in self.carrier_codes.items() if code >= 2]


def _money(text):
    amount, currency = text.split()
    assert float(amount) == int(float(amount)), f"{text}: limits are whole in every rule so far"
    return int(float(amount)), currency
