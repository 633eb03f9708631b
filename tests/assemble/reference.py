"""A naive reference of the assembly, and the worlds on which it is tried.

It is written from the contract (docs/assemble.md) with dictionaries and loops, and shares no line with the program.
`python reference.py VTR FOLDER WORLDS [FIRST]` makes worlds, runs `vtr run` on each and compares the packages cell
for cell, and the place in which every record ended.
"""

import csv
import io
import json
import random
import subprocess
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

ZONES = {"DE": "Europe/Berlin", "FR": "Europe/Paris", "US": "America/Los_Angeles"}
CHANNELS = {"DE": "Amazon.de", "FR": "Amazon.fr", "US": "Amazon.com"}
WITH_TAX = {"DE", "FR"}
CURRENCIES = {"DE": "EUR", "FR": "EUR", "US": "USD"}
OTHERS = {"Other", "Otro", "Andere"}
# The names of carriers in this file: name in confirmations, slug in events.
CARRIERS = {"DHL": "dhl", "DPD": "dpd", "UPS": "ups", "Hermes": "hermes-de"}
# tag, subtag: (scan, delivery); None: the status is in no list
STATUSES = {
    ("InfoReceived", "InfoReceived_001"): (False, False),
    ("InTransit", "InTransit_002"): (True, False),
    ("InTransit", None): (True, False),
    ("OutForDelivery", "OutForDelivery_001"): (True, False),
    ("AttemptFail", "AttemptFail_001"): (True, True),
    ("Delivered", "Delivered_001"): (True, True),
    ("Delivered", None): (True, True),
    ("Pending", None): (False, False),
}
AS_OF = date(2025, 5, 1)
CONFIRM = ["order-id", "order-item-id", "quantity", "ship-date", "carrier-code", "carrier-name", "tracking-number", "ship-method"]
ORDERS = [
    "order-id", "order-item-id", "purchase-date", "payments-date", "sku", "quantity-purchased", "currency", "item-price",
    "item-tax", "shipping-price", "shipping-tax", "ship-service-level", "ship-country", "delivery-start-date", "sales-channel",
    "latest-delivery-date", "is-prime",
]


def clean(number):
    return "".join(c for c in number.upper() if c not in "-. ") if number else ""


def instant(day, country, last=False):
    zone = ZoneInfo(ZONES[country])
    at = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(timezone.utc)
    if last:
        following = day + timedelta(days=1)
        at = datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(timezone.utc)
        at -= timedelta(microseconds=1)
    return at


def local_day(at, country):
    return at.astimezone(ZoneInfo(ZONES[country])).date()


# ---- worlds -------------------------------------------------------------------------------------------------------


class World:
    """The files of sellers by name, each a list of records as the program would read them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.confirm = {}  # name: rows
        self.orders = {}
        self.documents = {}
        self.events = {}
        self.categories = []
        self.uses_documents = self.random.random() < 0.35
        self.markets = {"S1": "DE", "S2": self.random.choice(["FR", "US"])}
        self.numbers = []
        self.make()

    def number(self):
        r = self.random
        if self.numbers and r.random() < 0.12:
            number = r.choice(self.numbers)
            return number if r.random() < 0.5 else number[:4] + "-" + number[4:].lower()
        number = "JD" + "".join(r.choice("0123456789") for _ in range(12)) + "7Q"
        self.numbers.append(number)
        return number

    def make(self):
        r = self.random
        for seller, country in self.markets.items():
            for index in range(r.randint(2, 7)):
                self.order(seller, country, f"{seller}-{index:03}" if r.random() < 0.9 else f"shared-{index:03}")
        for kind in (self.orders, self.documents, self.events, self.confirm):
            for name in list(kind):
                if r.random() < 0.25:
                    # The same export, pulled again under a later name.
                    again = name.replace("_a", "_b")
                    if again != name and again not in kind:
                        kind[again] = list(kind[name])
        for sku in "ABCD":
            if r.random() < 0.8:
                self.categories.append(("", sku, r.choice(["Toys", "Books", "Home"])))
            if r.random() < 0.4:
                self.categories.append(("S1", sku, r.choice(["Toys", "Garden"])))
        if r.random() < 0.3 and self.categories:
            self.categories.append(self.categories[0][:2] + ("Shoes",))

    def order(self, seller, country, order):
        r = self.random
        placed = date(2025, 2, 1) + timedelta(days=r.randint(0, 50))
        items = [f"i{n}" for n in range(1, r.randint(1, 3) + 1)]
        if r.random() < 0.85:
            self.lines(seller, country, order, placed, items)
        numbers = self.document(seller, country, order, placed) if self.uses_documents and seller == "S2" else self.writes(seller, country, order, placed, items)
        for number, carrier, shipped in numbers:
            if r.random() < 0.8:
                self.scans(seller, number, carrier, shipped)

    def lines(self, seller, country, order, placed, items):
        r = self.random
        for edition in range(r.choice([1, 1, 2])):
            name = f"orders/{seller}_2025-04-0{edition + 1}T000000Z_a.txt"
            rows = self.orders.setdefault(name, [])
            for item in items + ([items[0]] if r.random() < 0.15 else []):
                price = Decimal(r.randint(0, 5000)) / 100
                rows.append({
                    "order-id": order, "order-item-id": item, "purchase-date": f"{placed}T08:00:00+00:00",
                    "payments-date": "", "sku": r.choice("ABCDE"), "quantity-purchased": "1",
                    "currency": CURRENCIES[country] if r.random() < 0.95 else "GBP",
                    "item-price": str(price) if r.random() < 0.9 else "",
                    "item-tax": str(round(price * 19 / 119, 2)) if r.random() < 0.85 else "",
                    "shipping-price": r.choice(["", "0.00", "4.99"]), "shipping-tax": r.choice(["", "0.80"]),
                    "ship-service-level": "Standard", "ship-country": r.choice([country, "AT", ""]),
                    "delivery-start-date": "", "sales-channel": CHANNELS[country],
                    "latest-delivery-date": r.choice([f"{placed + timedelta(days=9)}T21:59:59+00:00", str(placed + timedelta(days=9)), ""]),
                    "is-prime": r.choice(["true", "false", ""]),
                })

    def writes(self, seller, country, order, placed, items):
        r = self.random
        known = []
        shipped = placed + timedelta(days=r.randint(0, 4))
        for edition in range(r.choice([1, 1, 2, 3, 4])):
            at = datetime(2025, 4, 1 + edition, 10, r.choice([0, 0, 30]))
            name = f"confirm/{seller}_{country}_{at:%Y-%m-%dT%H%M%SZ}_a.txt"
            rows = self.confirm.setdefault(name, [])
            for slot in r.sample([""] + items, r.randint(1, len(items) + 1)) if r.random() < 0.5 else [r.choice(["", items[0]])]:
                for _ in range(r.choice([1, 1, 1, 2])):
                    number = r.choice([self.number(), self.number(), "", "NULL"])
                    carrier = r.choice(list(CARRIERS))
                    code, name_of = r.choice([(carrier, ""), ("Other", carrier), ("", carrier), ("", ""), ("Otro", "")])
                    rows.append({
                        "order-id": order, "order-item-id": slot, "quantity": "1",
                        "ship-date": r.choice([str(shipped), f"{shipped}T12:00:00+00:00", ""]),
                        "carrier-code": code, "carrier-name": name_of, "tracking-number": number,
                        "ship-method": r.choice(["", "Paket", "Express"]),
                    })
                    if number and number != "NULL":
                        known.append((number, carrier, shipped))
        return known

    def document(self, seller, country, order, placed):
        r = self.random
        packages, known = [], []
        shipped = placed + timedelta(days=r.randint(0, 4))
        for index in range(r.randint(0, 3)):
            carrier = r.choice(list(CARRIERS))
            number = self.number()
            packages.append({"packageReferenceId": str(index), "carrier": carrier, "trackingNumber": number,
                             "shipTime": f"{shipped}T09:00:00Z", "createdTime": f"{shipped}T08:30:00Z",
                             "packageStatus": {"status": "PENDING"}})
            known.append((number, carrier, shipped))
        for edition in range(r.choice([1, 2, 3])):
            name = f"documents/{seller}_page{r.randint(1, 2)}_a.jsonl"
            held = [dict(package) for package in packages if r.random() < 0.9]
            for package in held:
                package["packageStatus"] = {"status": r.choice(["PENDING", "IN_TRANSIT", "DELIVERED", "AT_ORIGIN_FC"])}
            self.documents.setdefault(name, []).append({
                "orderId": order, "lastUpdatedTime": f"2025-04-{r.randint(1, 9):02}T0{edition}:00:00Z",
                "salesChannel": {"marketplaceId": {"FR": "A13V1IB3VIYZZH", "US": "ATVPDKIKX0DER"}[country]},
                "fulfillment": {"fulfilledBy": r.choice(["MERCHANT", "AMAZON"]), "fulfillmentStatus": "SHIPPED",
                                "deliverByWindow": {"latestDateTime": f"{placed + timedelta(days=8)}T22:00:00Z"}},
                "packages": held,
            })
        return known

    def scans(self, seller, number, carrier, shipped):
        r = self.random
        name = f"tracking/{r.choice(['one', 'two'])}_a.jsonl"
        checkpoints = []
        for _ in range(r.randint(0, 4)):
            day = shipped + timedelta(days=r.choice([-10, -2, 0, 1, 2, 3, 5, 30, 95]))
            tag, sub = r.choice(list(STATUSES))
            at = r.choice([f"{day}T1{r.randint(0, 9)}:00:00+02:00", str(day), f"{day}T15:00:00"])
            checkpoint = {"checkpoint_time": at, "tag": tag}
            if sub:
                checkpoint["subtag"] = sub
            checkpoints.append(checkpoint)
        if checkpoints and r.random() < 0.2:
            checkpoints.append(dict(checkpoints[0]))
        slug = CARRIERS[carrier] if r.random() < 0.8 else r.choice(list(CARRIERS.values()) + [None])
        document = {"tracking_number": number, "checkpoints": checkpoints}
        if slug:
            document["slug"] = slug
        self.events.setdefault(name, []).append(document)

    def write(self, folder):
        def text(path, headings, rows):
            lines = ["\t".join(headings)] + ["\t".join(row[name] for name in headings) for row in rows]
            path.write_text("\n".join(lines) + "\n")

        for sub in ("confirm", "orders", "documents", "tracking"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        for name, rows in self.confirm.items():
            text(folder / name, CONFIRM, rows)
        for name, rows in self.orders.items():
            text(folder / name, ORDERS, rows)
        for name, documents in self.documents.items():
            if self.random.random() < 0.5:
                (folder / name).write_text("\n".join(json.dumps(document) for document in documents) + "\n")
            else:
                (folder / name).write_text(json.dumps({"orders": documents}) + "\n")
        for name, documents in self.events.items():
            (folder / name).write_text("\n".join(json.dumps(document) for document in documents) + "\n")
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([("seller_id", "sku", "product_category"), *self.categories])
        (folder / "categories.csv").write_text(out.getvalue())
        inputs = []
        if self.confirm:
            inputs.append('[[input]]\nkind = "amazon.ship_confirm"\npath = "confirm/*.txt"\n[input.from_path]\n'
                          'pattern = "confirm/(?<seller_id>[^_]+)_(?<marketplace>[A-Z]{2})_(?<written_at>[^_]+)_"\n')
        if self.documents:
            inputs.append('[[input]]\nkind = "amazon.orders_api"\npath = "documents/*.jsonl"\n[input.from_path]\n'
                          'pattern = "documents/(?<seller_id>[^_]+)_"\n')
        if self.orders:
            inputs.append('[[input]]\nkind = "amazon.order_report"\npath = "orders/*.txt"\n[input.from_path]\n'
                          'pattern = "orders/(?<seller_id>[^_]+)_(?<written_at>[^_]+)_"\n')
        if self.events:
            inputs.append('[[input]]\nkind = "aftership"\npath = "tracking/*.jsonl"\n')
        if self.categories:
            inputs.append('[[input]]\nkind = "vtr.category_map"\npath = "categories.csv"\n')
        (folder / "job.toml").write_text(
            f'name = "world"\nas_of = "{AS_OF}"\nevidence = "{"scans" if self.events else "format"}"\n{"".join(inputs)}'
            '[output]\npath = "out"\ntables = ["vtr_weekly"]\n'
            '[limits]\nevents_cover = "0%"\norders_cover = "0%"\nstatuses_unmapped = "100%"\nmax_rejected = "100%"\nmax_damaged = "100%"\n')


# ---- the reference ------------------------------------------------------------------------------------------------


def when(text, country):
    """Returns (kind, value): an instant, or a bare date."""
    if not text:
        return None
    if len(text) == 10:
        return ("date", date.fromisoformat(text))
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    # A time without an offset gives only its day.
    return ("instant", at.astimezone(timezone.utc)) if at.tzinfo else ("date", at.date())


def as_instant(moment, country, last=False):
    if moment is None:
        return None
    return moment[1] if moment[0] == "instant" else instant(moment[1], country, last)


def as_day(moment, country):
    return local_day(moment[1], country) if moment[0] == "instant" else moment[1]


class Reference:
    def __init__(self, world):
        self.world = world
        self.fates = defaultdict(lambda: defaultdict(int))
        self.packages = []
        self.lent = self.read_orders()
        self.category = {}
        for seller, sku, category in world.categories:
            self.category[(seller, sku)] = category
        self.confirmations()
        self.document_packages()
        self.events()

    def fate(self, name, fate, count=1):
        self.fates[name][fate] += count

    # -- orders

    def read_orders(self):
        lent = defaultdict(list)
        for name in sorted(self.world.orders):
            seller = name.split("/")[1].split("_")[0]
            written = name.split("_")[1]
            for record, row in enumerate(self.world.orders[name]):
                lent[(seller, row["order-id"])].append((written, name, record, row))
        return lent

    def order(self, seller, order, country, used):
        rows = sorted(self.lent.get((seller, order), []), key=lambda row: row[:3])
        if not rows:
            return None
        newest = rows[-1][:2]
        lines = {}
        for written, name, record, row in rows:
            if (written, name) == newest:
                lines.pop(row["order-item-id"], None)
                lines[row["order-item-id"]] = row
        kept = list(lines.values())
        for written, name, record, row in rows:
            counts = any(row is line for line in kept) and (written, name) == newest
            self.fate(name, ("used" if used else "unused") if counts else "superseded")
        facts = {"items": kept, "file": newest[1], "lines": len(kept)}
        # If a pull repeats an unchanged order, the first file with that content is named.
        editions = sorted({row[:2] for row in rows}, reverse=True)
        cells = lambda edition: [row[3] for row in rows if row[:2] == edition]
        def last_lines(edition):
            out = {}
            for row in cells(edition):
                out.pop(row["order-item-id"], None)
                out[row["order-item-id"]] = row
            return list(out.values())
        for edition in editions:
            if last_lines(edition) != kept:
                break
            facts["file"] = edition[1]
        for fact, column in [("promised", "latest-delivery-date"), ("ship_to", "ship-country"), ("channel", "sales-channel")]:
            facts[fact] = next((line[column] for line in reversed(kept) if line[column]), None)
        facts["programme"] = next(("sfp" for line in reversed(kept) if line["is-prime"] == "true"), None)
        facts["promised"] = when(facts["promised"], country)
        total, known, tax_unknown = Decimal(0), False, False
        currencies = {line["currency"] for line in kept if line["item-price"] or line["shipping-price"]}
        for line in kept:
            for price, tax in [("item-price", "item-tax"), ("shipping-price", "shipping-tax")]:
                if not line[price]:
                    continue
                known = True
                total += Decimal(line[price])
                if country in WITH_TAX and line[tax]:
                    total -= Decimal(line[tax])
        facts["value"] = total if known and len(currencies) == 1 else None
        facts["currency"] = next(iter(currencies)) if facts["value"] is not None else None
        return facts

    def categorise(self, seller, order, items):
        if not order:
            return None
        sums = defaultdict(Decimal)
        for line in order["items"]:
            if items and line["order-item-id"] not in items:
                continue
            category = self.category.get((seller, line["sku"]), self.category.get(("", line["sku"])))
            if category:
                sums[category] += Decimal(line["item-price"] or 0) + Decimal(line["shipping-price"] or 0)
        return min(sums, key=lambda name: (-sums[name], name)) if sums else None

    def add(self, package, order, seller, country, items):
        order = order or {}
        package["seller_id"], package["country"] = seller, country
        package["promised"] = package.get("promised") or order.get("promised")
        package["value"], package["currency"] = order.get("value"), order.get("currency")
        package["ship_to"], package["programme"] = order.get("ship_to"), order.get("programme")
        package["orders_file"] = order.get("file")
        package["category"] = self.categorise(seller, order, items)
        self.packages.append(package)

    # -- confirmations

    def confirmations(self):
        by_order = defaultdict(list)
        for name in sorted(self.world.confirm):
            seller, country, written = name.split("/")[1].split("_")[:3]
            for record, row in enumerate(self.world.confirm[name]):
                by_order[(seller, row["order-id"])].append((written, name, record + 1, row, country))
        self.confirmed = set(by_order)
        for (seller, order_id), rows in sorted(by_order.items()):
            rows.sort(key=lambda row: row[:3])
            country = rows[0][4]
            order = self.order(seller, order_id, country, True)
            self.fold(seller, country, order_id, rows, order)

    def fold(self, seller, country, order_id, rows, order):
        lines = order["lines"] if order else None
        slots = {}  # slot: {number key: state}
        writes = []
        for row in rows:
            if not writes or writes[-1][0][:2] != row[:2]:
                writes.append([])
            writes[-1].append(row)
        for write in writes:
            named = defaultdict(list)
            for row in write:
                named[row[3]["order-item-id"]].append(row)
            for slot in sorted(named):
                if slot == "":
                    before = {}
                    for states in slots.values():
                        for key, state in states.items():
                            before[key] = self.newer(before[key], state) if key in before else state
                else:
                    before = slots.get(slot, slots.get("", {}))
                new = {}
                for row in named[slot]:
                    cells = row[3]
                    typed = cells["tracking-number"]
                    if typed == "NULL":
                        number = None
                    elif typed:
                        number = typed
                    elif len(before) > 1:
                        continue
                    else:
                        number = next((state["number"] for state in before.values()), None)
                    key = clean(number)
                    code = "" if cells["carrier-code"] in OTHERS else cells["carrier-code"]
                    carrier = code or cells["carrier-name"] or cells["carrier-code"] or None
                    own = {"carrier": carrier, "service": cells["ship-method"] or None, "shipped": when(cells["ship-date"], country)}
                    if key in new:
                        state = new[key]
                        for fact, value in own.items():
                            state[fact] = value or state[fact]
                        state["number"] = number or state["number"]
                        state["rows"].append(row)
                        continue
                    older = sorted(before, key=lambda known: (known != key, *self.descending(before[known]["rows"][-1])))
                    for fact in own:
                        if own[fact] is None:
                            own[fact] = next((before[known][fact] for known in older if before[known][fact]), None)
                    added = before[key]["added"] if key in before else row[0]
                    new[key] = {"number": number, "added": added, "rows": [row], **own}
                if not new:
                    continue
                if slot == "":
                    slots = {}
                slots[slot] = new
                if slot != "" and "" in slots and (lines is None or len(slots) - 1 >= lines):
                    del slots[""]
        groups = defaultdict(list)
        for slot, states in slots.items():
            for key, state in states.items():
                groups[key].append((slot, state))
        placed = {}
        for key, parts in sorted(groups.items()):
            parts.sort(key=lambda part: part[1]["rows"][-1][:3], reverse=True)
            every = sorted((row for _, state in parts for row in state["rows"]), key=lambda row: row[:3])
            newest = every[-1]
            for row in every:
                placed[id(row)] = "merged"
            placed[id(newest)] = "packages"
            first = lambda fact: next((state[fact] for _, state in parts if state[fact]), None)
            items = [] if any(slot == "" for slot, _ in parts) else [slot for slot, _ in parts]
            self.add({
                "order_id": order_id, "number": first("number"), "carrier": first("carrier"), "service": first("service"),
                "shipped": first("shipped"), "added": min(state["added"] for _, state in parts) if key else None,
                "updated": newest[0], "source": (newest[1], newest[2]),
            }, order, seller, country, items)
        for row in rows:
            self.fate(row[1], placed.get(id(row), "superseded"))

    @staticmethod
    def descending(row):
        """Sorts the newest row first."""
        return tuple(-ord(c) for c in row[0]), tuple(-ord(c) for c in row[1]), -row[2]

    @staticmethod
    def newer(one, other):
        if one["rows"][-1][:3] < other["rows"][-1][:3]:
            one, other = other, one
        both = dict(one)
        for fact in ("carrier", "service", "shipped"):
            both[fact] = one[fact] or other[fact]
        both["added"] = min(one["added"], other["added"])
        return both

    # -- documents

    def document_packages(self):
        by_order = defaultdict(list)
        for name in sorted(self.world.documents):
            seller = name.split("/")[1].split("_")[0]
            record = 0
            for index, document in enumerate(self.world.documents[name]):
                held = document["packages"] or [None]
                records = [(record + at + 1, package) for at, package in enumerate(held)]
                record += len(held)
                by_order[(seller, document["orderId"])].append((document["lastUpdatedTime"], name, index, records, document))
        for (seller, order_id), documents in sorted(by_order.items()):
            documents.sort(key=lambda document: document[:3])
            if (seller, order_id) in self.confirmed:
                # If two main inputs hold an order, the one listed first counts.
                for document in documents:
                    self.fate(document[1], "superseded", len(document[3]))
                continue
            country = self.world.markets[seller]
            updated, newest = documents[-1][0], documents[-1][4]
            # A document without packages says nothing of them: those of the newest one that has any stay.
            with_packages = [document for document in documents if document[4]["packages"]]
            picture = with_packages[-1] if with_packages else documents[-1]
            at, name, _, records, document = picture
            for other in documents:
                if other is documents[-1] and other is not picture:
                    self.fate(other[1], "merged")
                elif other is not picture:
                    self.fate(other[1], "superseded", len(other[3]))
            order = self.order(seller, order_id, country, any(package for _, package in records))
            for record, package in records:
                if package is None:
                    self.fate(name, "not_shipped")
                    continue
                self.fate(name, "packages")
                history = [
                    (d[0], d[1], r, p["packageStatus"]["status"], p, d[4])
                    for d in documents for r, p in d[3]
                    if p and p["packageReferenceId"] == package["packageReferenceId"]
                ]
                scanned = {"IN_TRANSIT", "DELIVERED", "AT_ORIGIN_FC"}
                state = package["packageStatus"]["status"]
                by_state = next((h[0] for h in history if h[3] in scanned), None) if state in scanned else None
                delivered = next((h[0] for h in history if h[3] == "DELIVERED"), None) if state == "DELIVERED" else None
                same = next(h for h in history if h[0] == at and h[4] == package and self.bare(h[5]) == self.bare(document))
                parse = lambda text: datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
                self.add({
                    "order_id": order_id, "package_id": package["packageReferenceId"], "number": package["trackingNumber"],
                    "carrier": package["carrier"], "service": None, "shipped": when(package["shipTime"], country),
                    "added": package["createdTime"], "updated": updated, "source": (same[1], same[2]),
                    "promised": when(newest["fulfillment"]["deliverByWindow"]["latestDateTime"], country),
                    "fulfilled": {"MERCHANT": "MFN", "AMAZON": "AFN"}[newest["fulfillment"]["fulfilledBy"]],
                    "state": (parse(by_state), parse(delivered)),
                }, order, seller, country, [])

    @staticmethod
    def bare(document):
        return {key: value for key, value in document.items() if key != "packages"}

    # -- events

    def events(self):
        by_number = defaultdict(list)
        for package in self.packages:
            package.update(first=None, delivery=None, events=0, scan_source=None, other=False, other_delivered=False)
            if clean(package["number"]):
                by_number[clean(package["number"])].append(package)
        seen = defaultdict(list)
        for name in sorted(self.world.events):
            for document in self.world.events[name]:
                for checkpoint in document["checkpoints"] or [None]:
                    if checkpoint is None:
                        self.fate(name, "unused")
                        continue
                    moment = when(checkpoint["checkpoint_time"], "DE")
                    if (moment[1].date() if moment[0] == "instant" else moment[1]) > AS_OF:
                        self.fate(name, "after_as_of")
                        continue
                    key = (document.get("slug"), checkpoint["checkpoint_time"], checkpoint["tag"], checkpoint.get("subtag"))
                    seen[clean(document["tracking_number"])].append((key, name))
        for number, events in seen.items():
            packages = by_number.get(number, [])
            known = set()
            for key, name in events:
                slug, at, tag, sub = key
                moment = when(at, "DE")
                as_key = (slug, moment, tag, sub)
                if not packages:
                    self.fate(name, "unused")
                    continue
                if as_key in known:
                    self.fate(name, "superseded")
                    continue
                known.add(as_key)
                owners = []
                for package in packages:
                    base = as_day(package["shipped"], package["country"]) if package["shipped"] else None
                    if base is None and package["promised"]:
                        base = as_day(package["promised"], package["country"]) - timedelta(days=30)
                    if base is None:
                        continue
                    day = as_day(moment, package["country"])
                    if base - timedelta(days=3) <= day <= base + timedelta(days=90):
                        owners.append((base, package))
                if not owners:
                    self.fate(name, "unused")
                    continue
                latest = max(base for base, _ in owners)
                used = False
                for base, package in owners:
                    if (latest - base).days > 3:
                        continue
                    carrier = CARRIERS.get(package["carrier"])
                    scan, delivery = STATUSES[(tag, sub)]
                    if slug and carrier and not self.friends(slug, carrier):
                        package["other"] |= scan
                        package["other_delivered"] |= delivery
                        continue
                    used = True
                    package["events"] += 1
                    if scan:
                        time = as_instant(moment, package["country"])
                        package["first"] = min(package["first"] or time, time)
                    if delivery:
                        time = as_instant(moment, package["country"], last=True)
                        package["delivery"] = min(package["delivery"] or time, time)
                self.fate(name, "used" if used else "unused")
        for package in self.packages:
            sources = set()
            for fact, by_state in zip(("first", "delivery"), package.get("state", (None, None))):
                if package[fact]:
                    sources.add("events")
                elif by_state:
                    package[fact] = by_state
                    sources.add("status")
            by_other = "other_delivered" if package["other_delivered"] else "other"
            unscanned = by_other if package["other"] else None
            package["scan_source"] = "status" if "status" in sources else "events" if sources else unscanned

    @staticmethod
    def friends(one, other):
        """The book decides which carriers print each other's numbers; these four do not."""
        return one == other


def expected(world):
    reference = Reference(world)
    rows = []
    for package in reference.packages:
        country = package["country"]
        shipped, promised = as_instant(package["shipped"], country), as_instant(package["promised"], country)
        written = lambda text: None if text is None else datetime.fromisoformat(colons(text).replace("Z", "+00:00"))
        rows.append({
            "seller_id": package["seller_id"], "order_id": package["order_id"], "package_id": package.get("package_id"),
            "carrier": package["carrier"], "ship_service": package["service"], "tracking_number": package["number"],
            "fulfillment_channel": package.get("fulfilled"),
            "ship_to_country": package["ship_to"], "package_value": package["value"], "currency": package["currency"],
            "product_category": package["category"], "programme": package["programme"],
            "promised_delivery_at": promised, "shipped_at": shipped, "tracking_added_at": written(package["added"]),
            "updated_at": written(package["updated"]), "first_scan_at": package["first"], "delivery_scan_at": package["delivery"],
            "source_file": package["source"][0], "source_record": package["source"][1], "orders_file": package["orders_file"],
            "events": package["events"], "scan_source": package["scan_source"],
        })
    return rows, reference.fates


def colons(text):
    """Returns `2025-04-01T100000Z` with its colons."""
    day, _, clock = text.partition("T")
    if ":" in clock:
        return text
    return f"{day}T{clock[:2]}:{clock[2:4]}:{clock[4:]}"


def found(folder):
    rows = []
    for path in sorted((folder / "packages/current/packages").glob("*/*.parquet")):
        rows += [dict(row, week=path.parent.name[5:]) for row in pq.ParquetFile(path).read().to_pylist()]
    return rows


def compare(folder, world):
    want, fates = expected(world)
    have = found(folder)
    key = lambda row: (row["seller_id"], row["order_id"], row.get("package_id") or "", clean(row["tracking_number"]))
    want.sort(key=key)
    have.sort(key=key)
    faults = []
    if [key(row) for row in want] != [key(row) for row in have]:
        return [f"packages differ:\n  want {[key(row) for row in want]}\n  have {[key(row) for row in have]}"]
    for wanted, row in zip(want, have):
        for column, value in wanted.items():
            got = row.get(column)
            if got != value:
                faults.append(f"{key(row)} {column}: want {value!r}, have {got!r}")
        at = wanted["shipped_at"] or wanted["promised_delivery_at"]
        if at:
            day = local_day(at, world.markets[row["seller_id"]])
            if str(day - timedelta(days=day.weekday())) != row["week"]:
                faults.append(f"{key(row)} lies in week {row['week']}, not in that of {day}")
    tables = pq.ParquetFile(next((folder / "packages/current/assembled_files").glob("*.parquet"))).read().to_pylist()
    for table in tables:
        if table["kind"] == "vtr.category_map":
            continue
        counted = {name: table[name] for name in ("after_as_of", "superseded", "merged", "not_shipped", "packages", "used", "unused")}
        wanted = {name: fates[table["file"]][name] for name in counted}
        if counted != wanted or table["rejected"] or table["continuation"]:
            faults.append(f"{table['file']}: want {wanted}, have {counted}, rejected {table['rejected']}")
    return faults


def run(vtr, folder, *options):
    done = subprocess.run([vtr, "run", folder / "job.toml", "--quiet", *options], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    vtr, root, worlds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    first = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    packages = 0
    for seed in range(first, first + worlds):
        world = World(seed)
        if not world.confirm and not world.documents:
            continue
        folder = root / f"world-{seed}"
        folder.mkdir(parents=True)
        world.write(folder)
        code, said = run(vtr, folder, "--threads", str(1 + seed % 3))
        have = found(folder)
        want = expected(world)[0]
        if code != 0 and not (code == 3 and not want):
            sys.exit(f"world {seed}: vtr run ended with {code}: {said}")
        if code != 0:
            continue
        faults = compare(folder, world)
        if faults:
            sys.exit(f"world {seed} in {folder} differs:\n  " + "\n  ".join(faults[:20]))
        packages += len(have)
    print(f"{worlds} worlds with {packages} packages agree with the reference cell for cell")


if __name__ == "__main__":
    main()
