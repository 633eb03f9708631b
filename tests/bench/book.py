"""Reads a book (the TOML files by which `vtr` judges) for the engines with which the benchmark compares.

It holds names, families, lanes and shapes as plain Python values; sql.py makes the SQL from them. It is deliberately
a second reading of the book's contract: if it differs from the kernel, the cells differ.
"""

import datetime
import functools
import glob
import os
import re
import tomllib
import unicodedata

NONE, OTHER = "(none)", "other"


def load(path):
    with open(path, "rb") as file:
        return tomllib.load(file)


def words(text):
    folded = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.category(c).startswith("M"))
    return re.findall(r"\w+", "".join(c if c.isalnum() else " " for c in "".join(folded).lower()))


def key(text):
    return "".join(words(text))


def country(text):
    return {"UK": "GB"}.get(text.upper(), text.upper())


class Book:
    def __init__(self, folder):
        read = lambda kind: [load(path) for path in sorted(glob.glob(f"{folder}/{kind}/*.toml"))]
        self.markets = {market["marketplace"]: market for market in read("policies")}
        self.carriers = {carrier["id"]: carrier for carrier in read("carriers")}
        families = load(f"{folder}/families.toml")
        self.families, self.groups = families["families"], families["groups"]
        self.classes = load(f"{folder}/services.toml")["class"]
        self.placeholders = load(f"{folder}/placeholders.toml")
        self.by_key = {}
        for carrier in self.carriers.values():
            for alias in [carrier["id"], carrier["name"], *carrier["aliases"]]:
                self.by_key[key(alias)] = carrier["id"]
        # Bare names, whose carrier depends on the country that a package leaves from.
        self.bare = {key(name): table for name, table in families["by_ship_from"].items()}
        self.whole_names = {name for name, table in self.bare.items() if table.get("whole_name")}
        for carrier in self.carriers.values():
            if carrier.get("whole_name"):
                self.whole_names |= {key(alias) for alias in [carrier["id"], carrier["name"], *carrier["aliases"]]}

    def members(self, names, groups):
        found = set()
        for name in names:
            found |= set(groups[name[1:]]) if name.startswith("@") else {name}
        return found

    def marketplace(self, text):
        """Returns the marketplace of a name as typed; NONE for a name that is no marketplace."""
        text = text.strip()
        for name, market in self.markets.items():
            if text in market["ids"] or text.lower() in [alias.lower() for alias in [name, *market["aliases"]]]:
                return name
        assert text.lower() in [name.lower() for name in self.placeholders["no_marketplace"]], f"unknown marketplace {text!r}"
        return NONE

    def carrier(self, text, market, origin):
        """Returns the carrier of a name as typed: the longest run of first words that is known decides. A package without an
        origin leaves from the marketplace's country."""
        parts = words(text or "")
        if not parts:
            return NONE
        found = OTHER
        for count in range(1, len(parts) + 1):
            run = "".join(parts[:count])
            if count < len(parts) and run in self.whole_names:
                continue
            if run in self.by_key:
                found = self.by_key[run]
            elif run in self.bare:
                table = self.bare[run]
                found = table.get(country(origin or market or ""), table.get("default", OTHER))
        return found

    @functools.cache
    def friends(self, one):
        def named(carrier):
            partners = self.carriers[carrier].get("partners", [])
            return self.members(partners, self.groups)

        family = self.carriers[one].get("family")
        friends = {one} | set(self.families.get(family, []))
        friends |= named(one) | {other for other in self.carriers if one in named(other)}
        return friends

    def service_bits(self, text):
        """Returns the classes to which a service name may belong, in order, whatever its carrier."""
        parts = words(text or "")
        holds = lambda phrase: any(parts[at:at + len(phrase)] == phrase for at in range(len(parts) - len(phrase) + 1))
        fits = lambda phrases: any(holds(words(phrase)) for phrase in phrases)
        return tuple(c["name"] for c in self.classes if fits(c["phrases"]) and not fits(c["except"]))

    def service_class(self, bits, carrier):
        for one in self.classes:
            if one["name"] in bits:
                carriers = one["carriers"]
                if "*" in carriers or carrier in self.members(carriers, self.groups):
                    return one["name"]
        return None

    def versions(self, market):
        """Returns the versions of a marketplace in order: first day (None: the beginning) and version or None."""
        stretches, end = [], None
        for version in sorted(self.markets[market].get("version", []), key=lambda v: v.get("from", datetime.date.min)):
            if not stretches and "from" in version or stretches and version.get("from") != end:
                stretches.append((end, None))
            # A version that judges some programmes only applies to no package of these histories.
            stretches.append((version.get("from"), None if "only" in version else version))
            end = version.get("until", "never")
        if not stretches or end != "never":
            stretches.append((end, None))
        return stretches

    def lane(self, market, version, origin, destination):
        """Returns the first lane of a version that fits; a missing country means the marketplace's."""
        groups = self.markets[market].get("groups", {})

        def fits(listed, code):
            if "*" in listed:
                return True
            if any(name.startswith("!") for name in listed):
                return f"!{code}" not in listed
            return code in self.members(listed, groups)

        for lane in version.get("lane", []):
            if fits(lane["from"], country(origin or market)) and fits(lane["to"], country(destination or market)):
                return lane
        return None

    def integrated(self, version, lane):
        """Returns the carriers that count, and the treatment of the others; None if all count. Others than those of a list
        that is known in part are judged like these."""
        rule = lane.get("carriers", version["carriers"])
        if rule == "any":
            return None
        return self.members(rule["integrated"], self.groups), rule["otherwise"] if rule.get("known") != "partial" else None


def without_shapes(source, target):
    """Writes a copy of a book in which no number has a shape, with which `vtr --book` judges by scans alone."""
    for path in glob.glob(f"{source}/**/*", recursive=True):
        if os.path.isdir(path):
            continue
        text = open(path, encoding="utf-8").read()
        if "/carriers/" in path:
            text = re.sub(r"(?ms)^\[\[shape\]\]\n.*?(?=^\[\[|\Z)", "", text).replace("closed = true", "closed = false")
        copy = os.path.join(target, os.path.relpath(path, source))
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        with open(copy, "w", encoding="utf-8") as file:
            file.write(text)
