"""Compares every sum of a report and of a work list with the tables, counted by DuckDB.

Usage: pages.py OUT PAGE.html WORKLIST.csv; prints `N passed, N failed` and exits with 1 if anything failed.
"""

import datetime
import html.parser
import re
import sys

import duckdb

out, page, worklist = sys.argv[1], sys.argv[2], sys.argv[3]
results = []


def check(name, found, want):
    holds = found == want
    results.append(holds)
    if not holds:
        print(f"FAILED {name}: page {found}, tables {want}")


class Page(html.parser.HTMLParser):
    """The tables of the page by section: rows of cell texts, with the class of the table."""

    def __init__(self):
        super().__init__()
        self.section, self.tables, self.cell, self.title, self.in_title = "", [], None, "", False
        self.titles, self.leads, self.in_lead = {}, {}, False

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "section" and "account" in (attributes.get("class") or ""):
            self.section = attributes["id"]
        elif tag == "section":
            self.section = attributes.get("aria-labelledby", "")
        elif tag == "h2":
            self.in_title, self.title = True, ""
        elif tag == "p":
            self.in_lead = attributes.get("class") == "lead" and self.section.startswith("a-")
            self.leads.setdefault(self.section, "")
        elif tag == "table":
            self.tables.append((self.section, attributes["class"].split(), []))
        elif tag == "tr":
            self.end_cell()
            self.tables[-1][2].append([])
        elif tag in ("td", "th"):
            self.end_cell()
            self.cell = ""
        elif tag == "br" and self.cell is not None:
            self.cell += "\n"

    def end_cell(self):
        """A cell ends at its tag or, where that is left out, with what follows it."""
        if self.cell is not None:
            self.tables[-1][2][-1].append(self.cell.rstrip("\n"))
            self.cell = None

    def handle_endtag(self, tag):
        if tag in ("td", "th", "tr", "tbody", "table"):
            self.end_cell()
        elif tag == "p":
            self.in_lead = False
        elif tag == "h2":
            self.in_title = False
            self.titles[self.section] = self.title

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data
        if self.in_title:
            self.title += data
        if self.in_lead:
            self.leads[self.section] += data


def number(text):
    found = re.match(r"\s*([\d,]+)", text)
    return int(found.group(1).replace(",", "")) if found else 0


def of(text):
    defects, eligible = re.match(r"([\d,]+) of ([\d,]+)", text).groups()
    return number(defects), number(eligible)


parsed = Page()
text = open(page, encoding="utf-8").read()
parsed.feed(text)
db = duckdb.connect()
db.execute(open(f"{out}/views.sql").read())
rows = lambda sql: db.execute(sql).fetchall()
one = lambda sql: rows(sql)[0]

# All accounts.
accounts = next(table for section, kind, table in parsed.tables if "acc" in kind)
listed = sorted(of(row[4]) for row in accounts if len(row) > 4 and " of " in row[4])
check("every account is listed with its defects and packages", listed,
      sorted(rows("select defects::int, eligible::int from account_health where product_category = '(all)' and eligible > 0")))
head = re.search(r"All accounts: ([\d.]+)\u202f% of ([\d,]+) package", text)
valid, eligible = one("select sum(valid)::int, sum(eligible)::int from account_health where product_category = '(all)'")
check("the head has the sum over all accounts", (head.group(1), number(head.group(2))),
      (f"{valid * 10000 // eligible // 100}.{valid * 10000 // eligible % 100:02d}", eligible))
# Seller Fulfilled Prime suspends whole accounts, everything else in the sample single categories.
below, = one("""select count(*)::int from (select 1 from account_health where eligible > 0 group by seller_id, marketplace, programme
                having bool_or(status = 'breach' and not few and (product_category = '(all)' or programme = 'standard')))""")
check("the title counts the accounts below the target, or of which a category is", number(re.search(r"<h1>([^<]*)", text).group(1)), below)
reasons, carriers, *_ = [table for section, kind, table in parsed.tables if section == "all" and "pareto" in kind]
names = [name for name, in rows("select column_name from (describe health_breakdown)")]
names = [name for name in names if name in (
    "tracking_missing", "tracking_placeholder", "carrier_missing", "carrier_not_accepted", "number_refused", "carrier_mismatch",
    "added_after_delivery", "number_malformed", "check_digit_failed", "delivery_scan_missing", "scan_missing")]
sums = [count for count in one(f"select {', '.join(f'sum({name})::int' for name in names)} from health_breakdown where product_category = '(all)'")]
check("defects by reason are the sums of health_breakdown", [number(row[2]) for row in reasons[1:]], sorted((n for n in sums if n), reverse=True)[:8])
by_carrier = rows("select sum(defects)::int n from health_breakdown where product_category = '(all)' group by carrier having n > 0 order by n desc")
check("defects by carrier are the sums of health_breakdown", [number(row[2]) for row in carriers[1:]], [n for n, in by_carrier][:8])
weeks = next(table for section, kind, table in parsed.tables if section == "all" and "side" in kind)
found = [(of(row[3]), number(row[4])) for row in weeks[1:]]
want = rows("""select sum(defects - pending)::int, sum(eligible)::int, sum(pending)::int from vtr_weekly
               where week_start <= (select max(as_of) from account_health) group by week_start having sum(eligible) > 0 order by week_start desc limit 12""")
check("weeks are the sums of vtr_weekly", found, [((d, n), p) for d, n, p in want])

# Each account's page, row by row.
as_of, = one("select max(as_of) from account_health")
monday = as_of - datetime.timedelta(as_of.weekday())
rate = lambda valid, eligible: f"{valid * 10000 // eligible // 100}.{valid * 10000 // eligible % 100:02d}\u202f%" if eligible else "\u2013"
# An account with packages that count after its last final window, and none in it, has a page without a rate.
new = {tuple(account): (eligible, valid) for *account, eligible, valid in rows(f"""
    with final as (select marketplace, window_days, date '{as_of}' - latency_days::int - 1 as last from dim_marketplace),
    outlook as (select date '{monday}' + 6 as last)
    select seller_id, marketplace, programme,
           coalesce(sum(eligible) filter (week_start + 6 between outlook.last - (window_days::int - 1) and outlook.last), 0)::int,
           coalesce(sum(valid) filter (week_start + 6 between outlook.last - (window_days::int - 1) and outlook.last), 0)::int
    from vtr_weekly join final using (marketplace), outlook
    where eligible > 0 and week_start + 6 > final.last and not exists (select 1 from account_health as known where product_category = '(all)'
          and known.eligible > 0 and known.seller_id = vtr_weekly.seller_id and known.marketplace = vtr_weekly.marketplace
          and known.programme = vtr_weekly.programme)
    group by all""")}
accounts = {}
for seller, market, name, programme in rows("""select distinct seller_id, marketplace, coalesce(name, marketplace), programme
                                              from (select seller_id, marketplace, programme from account_health union
                                                    select seller_id, marketplace, programme from vtr_weekly)
                                              left join dim_marketplace using (marketplace)"""):
    accounts[f"{seller}, {name}" + ("" if programme == "standard" else f", programme {programme}")] = (seller, market, programme)
of_account = "seller_id = $1 and marketplace = $2 and programme = $3"
pages = 0
for section, title in parsed.titles.items():
    if not section.startswith("a-"):
        continue
    pages += 1
    account = accounts[title]
    ask = lambda sql, *more: db.execute(sql, [*account, *more]).fetchall()
    mine = [(kind, table) for at, kind, table in parsed.tables if at == section]
    judged = ask(f"select eligible::int, valid::int, defects::int, pending::int from account_health where {of_account} and product_category = '(all)'")
    eligible, valid, defects, pending = judged[0] if judged else (0, 0, 0, 0)
    lead = parsed.leads[section]
    if account in new:
        so_far, valid_so_far = new[account]
        check(f"{title}: the first sentence", (eligible, "no rate yet" in lead, f"{valid_so_far:,} of {so_far:,} package" in lead), (0, True, True))
    else:
        check(f"{title}: the first sentence", (rate(valid, eligible) in lead, f"of {eligible:,} package" in lead, defects == 0 or f"{defects:,} defect" in lead), (True,) * 3)
    for kind, table in mine:
        head, body = table[0][0], table[1:]
        if "figs" in kind:
            weeks = {week: counts for week, *counts in ask(f"""select week_start, sum(eligible)::int, sum(defects)::int, sum(pending)::int, sum(valid)::int
                                                             from vtr_weekly where {of_account} group by 1""")}
            windows = {day: rate(valid, eligible) for day, valid, eligible in ask(f"select window_end, valid::int, eligible::int from vtr_rolling where {of_account} and product_category = '(all)'")}
            for index, row in enumerate(body):
                week = monday - datetime.timedelta(7 * index)
                counts = weeks.get(week, [0, 0, 0, 0])
                want = [f"{counts[0]:,}", f"{counts[1]:,}", f"{counts[2]:,}" if counts[2] else "\u2013", rate(counts[3], counts[0])]
                check(f"{title}: week of {week}", [*row[2:6], row[7]], [*want, windows.get(week + datetime.timedelta(6), "\u2013")])
        elif "side" in kind and head == "Category":
            want = ask(f"select product_category, defects::int, pending::int, eligible::int from account_health where {of_account} and product_category <> '(all)' and eligible > 0")
            found = [(row[0].split("\n")[0], *of(row[3])) for row in body]
            check(f"{title}: categories", sorted(found, key=str) if len(want) <= 30 else len(found),
                  sorted(((name, d - p, n) for name, d, p, n in want), key=str) if len(want) <= 30 else 30)
        elif "side" in kind and head == "Carrier":
            seen = sum(of(row[3])[0] for row in body), sum(of(row[3])[1] for row in body)
            check(f"{title}: its carriers add up to the account", seen, (defects - pending, eligible))
        elif "pareto" in kind:
            by = ask(f"select carrier, sum(defects)::int n, {', '.join(f'sum({name})::int' for name in names)} from health_breakdown where {of_account} and product_category = '(all)' group by 1")
            counts = [n for _, n, *_ in by] if head == "Carrier" else [sum(column) for column in zip(*(row[2:] for row in by))]
            check(f"{title}: defects by {head.lower()}", [number(row[2]) for row in body], sorted((n for n in counts if n), reverse=True)[:8])
        elif "left" in kind:
            want = ask(f"""select reason, rule, sum(packages)::int n from vtr_weekly_reasons where {of_account} and class not in ('valid', 'defect')
                           and week_start between $4 and $5 group by 1, 2 having n > 0 order by n desc limit 30""", monday - datetime.timedelta(7 * 25), monday)
            check(f"{title}: left out by rule", sorted((row[0].split("\n")[1], number(row[2])) for row in body), sorted((rule, n) for _, rule, n in want))
check("as many accounts have a page as are listed, and as are too young for a rate", pages, min(100, len(listed) + len(new)))

# The work list: every package that counts and that somebody can act on, or that waits.
db.execute(f"create table worklist as select * from read_csv('{worklist}', all_varchar = true)")
want = rows("""select d.seller_id, d.marketplace, d.order_id, d.package_id from defects d join account_health h
               on (h.seller_id, h.marketplace, h.programme) = (d.seller_id, d.marketplace, d.programme) and h.product_category = '(all)' and h.eligible > 0
               where d.fixable_by <> 'nobody' and d.counts_until + (h.as_of - h.window_end - 1)::int >= h.as_of order by all""")
check("the work list holds whatever can be acted on and still counts",
      rows("select seller_id, marketplace, order_id, coalesce(package_id, '') from worklist order by all"), want)
check("each is worth one package of its account's outlook", rows("""
      select count(*)::int from worklist w join account_health h on (h.seller_id, h.marketplace, h.programme) = (w.seller_id, w.marketplace, w.programme)
      and h.product_category = '(all)' where worth_points::double not in (0, 100.0 / h.outlook_eligible)"""), [(0,)])

failed = results.count(False)
print(f"{len(results) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
