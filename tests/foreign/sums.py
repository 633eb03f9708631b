"""Holds every row of the listing verbs, and the sums of the published tables among themselves, against DuckDB.

Usage: sums.py VTR OUT; prints `N passed, N failed` and exits with 1 if anything failed. A list is compared cell by cell
with its table, as JSON and as CSV; the same facts counted in two tables must be the same.
"""

import csv
import io
import json
import subprocess
import sys
from collections import Counter

import duckdb

vtr, out = sys.argv[1:3]
results = []
db = duckdb.connect()
db.execute("set timezone = 'UTC'")
db.execute(open(f"{out}/views.sql").read())
rows = lambda sql: db.execute(sql).fetchall()
columns = lambda table: [name for name, *_ in rows(f"describe {table}")]
REASONS = [name for name in columns("vtr_weekly") if name in {reason for reason, in rows("select reason from dim_reason where class = 'defect'")}]


def check(name, found, want, what="rows"):
    """Two multisets of rows."""
    found, want = Counter(found), Counter(want)
    results.append(found == want)
    if found == want:
        print(f"ok    {name}: {sum(want.values())} {what}")
    else:
        print(f"FAILED {name}: the list alone {list((found - want).items())[:3]}, DuckDB alone {list((want - found).items())[:3]}")


def listed(verb, *options):
    done = subprocess.run([vtr, verb, out, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"vtr {verb} {' '.join(options)} ended with {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def plain(value, kind):
    """A cell of a list or of DuckDB as one kind of text."""
    if value is None or value == "":
        return ""
    if kind == "DOUBLE":
        return repr(float(value))
    if kind.startswith("DECIMAL"):
        return f"{float(value):.4f}"
    if kind.startswith("TIMESTAMP"):
        return str(value).replace("T", " ").replace("+00:00", "").replace("+00", "").replace("Z", "")
    return str(value).lower() if kind == "BOOLEAN" else str(value)


def as_published(verb, table, where="true"):
    """Every cell of a list, in both forms that programs read."""
    kinds = {name: kind for name, kind, *_ in rows(f"describe {table}")}
    row = lambda cells: tuple(plain(cells[name], kind) for name, kind in kinds.items())
    names = list(kinds)
    want = [row(dict(zip(names, cells))) for cells in rows(f"select * from {table} where {where}")]
    check(f"{verb} --format json is {table}", [row(one) for one in json.loads(listed(verb, "--format", "json"))], want)
    reader = csv.DictReader(io.StringIO(listed(verb, "--format", "csv")))
    # What a spreadsheet would run has an apostrophe before it.
    undo = lambda cell: cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@", "\t", "\r") else cell
    check(f"{verb} --format csv is {table}", [row({name: undo(cell) for name, cell in one.items()}) for one in reader], want)


as_published("health", "account_health")
as_published("defects", "defects")

# A filter leaves what DuckDB leaves.
KEY = "seller_id, marketplace, order_id, package_id, day, reason"
for option, column in (("--marketplace", "marketplace"), ("--carrier", "carrier"), ("--category", "product_category"), ("--reason", "reason"), ("--fixable-by", "fixable_by"), ("--seller", "seller_id")):
    values = rows(f"select {column}, count(*) n from defects where {column} not in ('', '(none)', '(other)') group by 1 order by n desc, 1 limit 3")
    for value, _ in values:
        found = [tuple(one[name] or "" for name in KEY.split(", ")) for one in json.loads(listed("defects", option, value, "--format", "json"))]
        want = db.execute(f"select {KEY.replace('day', 'day::varchar')} from defects where {column} = ?", [value]).fetchall()
        check(f"defects {option} {value}", found, [tuple(cell or "" for cell in row) for row in want])

# The work list adds up to the tables, by who acts.
# Seen from a day before the figures, which is their own day.
work = json.loads(listed("worklist", "--format", "json", "--today", "2000-01-01"))
want = rows("""select case when d.pending then 'wait' when d.fixable_by = 'carrier' then 'chase'
               when d.act_by < h.as_of then 'correct_late' else 'correct' end, count(*)::int, count(distinct d.order_id)::int
               from defects d join account_health h using (seller_id, marketplace, programme)
               where h.product_category = '(all)' and h.eligible > 0 and d.fixable_by <> 'nobody'
               and d.counts_until + (h.as_of - h.window_end - 1)::int >= h.as_of group by 1""")
by_action = {}
for one in work:
    by_action.setdefault(one["action"], []).append(one["order_id"])
check("worklist by who acts", [(action, len(orders), len(set(orders))) for action, orders in by_action.items()], want, "actions")

# The same fact in two tables.
counts = ["eligible", "valid", "defects", "pending"]
KEYS = "seller_id, marketplace, programme, product_category"
sums = lambda names: ", ".join(f"sum({name})::bigint" for name in names)
check("health_breakdown adds up to account_health",
      rows(f"select {KEYS}, {sums(counts)} from health_breakdown group by all having sum(eligible) > 0"),
      rows(f"select {KEYS}, {', '.join(f'{name}::bigint' for name in counts)} from account_health where eligible > 0"), "accounts and categories")
check("its reasons, and who can mend them, add up to its defects",
      rows(f"select ({'+'.join(REASONS)})::bigint, (fixable_by_nobody + fixable_by_carrier + fixable_by_number)::bigint from health_breakdown"),
      rows("select defects::bigint, defects::bigint from health_breakdown"))
check("categories add up to (all)",
      rows(f"select seller_id, marketplace, programme, carrier, {sums(counts + REASONS)} from health_breakdown where product_category <> '(all)' group by all"),
      rows(f"select seller_id, marketplace, programme, carrier, {sums(counts + REASONS)} from health_breakdown where product_category = '(all)' group by all"))
WEEK = "seller_id, marketplace, programme, week_start"
check("vtr_weekly and vtr_weekly_category hold the same packages",
      rows(f"select {WEEK}, {sums(['shipments', 'out_of_scope', 'exempt'] + counts + REASONS)} from vtr_weekly group by all"),
      rows(f"select {WEEK}, {sums(['shipments', 'out_of_scope', 'exempt'] + counts + REASONS)} from vtr_weekly_category group by all"), "account weeks")
of_class = lambda name: f"coalesce(sum(packages) filter (class = '{name}'), 0)::bigint"
check("vtr_weekly_reasons adds up to vtr_weekly",
      rows(f"select {WEEK}, sum(packages)::bigint, {', '.join(map(of_class, ('out_of_scope', 'exempt', 'valid', 'defect')))}, sum(pending)::bigint from vtr_weekly_reasons group by all"),
      rows(f"select {WEEK}, {sums(['shipments', 'out_of_scope', 'exempt', 'valid', 'defects', 'pending'])} from vtr_weekly group by all having sum(shipments) > 0"), "account weeks")
each = lambda name: f"count(*) filter (reason = '{name}')::bigint"
check("the rows of defects are the counts of vtr_weekly",
      rows(f"select {WEEK}, carrier, count(*)::bigint, count(*) filter (pending)::bigint, {', '.join(map(each, REASONS))} from defects group by all"),
      rows(f"select {WEEK}, carrier, {sums(['defects', 'pending'] + REASONS)} from vtr_weekly group by all having sum(defects) > 0"), "carriers of account weeks")
check("defects of the judged window are those of account_health",
      rows("""select h.seller_id, h.marketplace, h.programme, count(*)::bigint from defects d join account_health h using (seller_id, marketplace, programme)
              where h.product_category = '(all)' and d.day between h.window_start and h.window_end group by all"""),
      rows("select seller_id, marketplace, programme, defects::bigint from account_health where product_category = '(all)' and defects > 0"), "accounts")
# Windows of vtr_rolling end on Sundays, the last with the last week that has packages.
there = lambda day: f"h.eligible > 0 and isodow({day}) = 7 and {day} <= (select max(window_end) from vtr_rolling)"
for name, day, counted in (("judged window", "h.window_end", counts[:2]), ("window that can still be moved", "h.outlook_end", ["outlook_eligible", "outlook_valid"])):
    check(f"the {name} is a row of vtr_rolling",
          rows(f"select {KEYS}, {', '.join(f'{one}::bigint' for one in counted)} from account_health h where {there(day)} and {counted[0]} > 0"),
          rows(f"select r.{KEYS.replace(', ', ', r.')}, r.eligible::bigint, r.valid::bigint from vtr_rolling r join account_health h using ({KEYS}) where {there(day)} and r.window_end = {day} and r.eligible > 0"), "windows")

failed = results.count(False)
print(f"{len(results) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
