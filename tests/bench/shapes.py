"""Number shapes of the book, expanded into variants of one length each, and combined into as few regexes as possible.

A variant is a class of characters for each place, the part over which its check digit runs, and the check. Variants
that another one covers are dropped, and so are those that no number of the history can have: both favour the engines.
"""

import re
from collections import namedtuple
from re import _constants as op
from re import _parser as parser

Variant = namedtuple("Variant", "carrier shape classes part check hard strict")


def _expand(items):
    """Alternatives of (classes, part) for a parsed pattern."""
    heads = [((), None)]
    for kind, value in items:
        if kind is op.LITERAL:
            tails = [((frozenset([value]),), None)]
        elif kind is op.IN:
            chars = set()
            for sub, what in value:
                chars |= {what} if sub is op.LITERAL else set(range(what[0], what[1] + 1))
            tails = [((frozenset(chars),), None)]
        elif kind is op.MAX_REPEAT:
            least, most, inner = value
            runs, tails = [((), None)], []
            for count in range(most + 1):
                tails += runs if count >= least else []
                runs = _join(runs, _expand(inner)) if count < most else runs
        elif kind is op.SUBPATTERN:
            group, _, _, inner = value
            tails = _expand(inner)
            if group in items.state.groupdict.values():
                tails = [(classes, (0, len(classes))) for classes, _ in tails]
        elif kind is op.BRANCH:
            tails = [one for branch in value[1] for one in _expand(branch)]
        else:
            raise ValueError(f"{kind} in a pattern")
        heads = _join(heads, tails)
    return heads


def _join(heads, tails):
    joined = []
    for classes, part in heads:
        for more, inner in tails:
            moved = inner and (inner[0] + len(classes), inner[1] + len(classes))
            joined.append((classes + more, part or moved))
    return joined


def variants(book, carrier):
    found = []
    for shape in book.carriers[carrier].get("shape", []):
        parsed = parser.parse(shape["pattern"].replace("(?<n>", "(?P<n>"))
        for classes, part in _expand(parsed):
            found.append(Variant(carrier, shape["id"], classes, part or (0, len(classes)), shape["check"],
                                 shape.get("hard", False), shape["signature"] == "strict"))
    return found


def prefix(pattern):
    """Returns the literal characters with which every number of a pattern begins, if there are at least two."""
    found = ""
    items = parser.parse(pattern.replace("(?<n>", "(?P<n>"))
    while items:
        kind, value = items[0]
        if kind is op.LITERAL:
            found += chr(value)
            items = items[1:]
        elif kind is op.SUBPATTERN and not found:
            items = value[3]
        else:
            break
    return found if len(found) >= 2 else ""


def covers(one, other):
    return all(a >= b for a, b in zip(one.classes, other.classes))


def fewest(found, seen):
    """The variants that matter: none covered by another with the same check, none that no number can have.

    `seen` holds (length, first two characters) of the numbers of the history.
    """
    alive = [v for v in found if any(
        length == len(v.classes) and all(ord(c) in v.classes[at] for at, c in enumerate(head[:2])) for length, head in seen)]
    kept = []
    for at, one in enumerate(alive):
        same = lambda other: len(one.classes) == len(other.classes) and (one.part, one.check) == (other.part, other.check)
        beaten = (same(other) and covers(other, one) and (other.classes != one.classes or place < at)
                  for place, other in enumerate(alive) if place != at)
        if not any(beaten):
            kept.append(one)
    return kept


def _class_text(chars):
    digits, letters = set(range(48, 58)), set(range(65, 91))
    if len(chars) == 1:
        return chr(next(iter(chars)))
    text, rest = "", set(chars)
    for whole, name in ((digits, "0-9"), (letters, "A-Z")):
        if rest >= whole:
            text, rest = text + name, rest - whole
    return f"[{text}{''.join(chr(c) for c in sorted(rest))}]"


def _text(classes):
    text, at = "", 0
    while at < len(classes):
        run = 1
        while at + run < len(classes) and classes[at + run] == classes[at]:
            run += 1
        one = _class_text(classes[at])
        text += one + (f"{{{run}}}" if run > 1 else "")
        at += run
    return text


def regex(found):
    """One pattern, not anchored, for any of the variants."""
    texts = sorted({_text(v.classes) for v in found}, key=lambda text: (-len(text), text))
    return texts[0] if len(texts) == 1 else "(?:" + "|".join(texts) + ")"


def soft_and_hard(found):
    """Returns the variants that the pattern alone decides, and the others grouped by length, part and check."""
    soft = [v for v in found if v.check == "none"]
    groups = {}
    for v in found:
        if v.check != "none":
            groups.setdefault((v.check, len(v.classes), v.part), []).append(v)
    return soft, groups


def describe(found):
    """Returns the same for variants that recognise numbers alike."""
    soft, hard = soft_and_hard(found)
    return (regex(soft) if soft else "", tuple(sorted((group, regex(those)) for group, those in hard.items())))
