"""Reads a published output with DuckDB and pyarrow and compares it with itself and its source.

Usage: read.py OUT SHIPMENTS; prints `N passed, N failed` and exits with 1 if anything failed.
"""

import glob
import hashlib
import json
import os
import sys

import duckdb
import pyarrow.parquet as pq

out, shipments = sys.argv[1], sys.argv[2]
results = []


def check(name, holds):
    results.append(bool(holds))
    print(("ok    " if holds else "FAILED") + " " + name)


manifest = json.load(open(sorted(glob.glob(f"{out}/_log/*.json"))[-1]))
sums = manifest["sums"]
tables = manifest["tables"]

# pyarrow: every named file is whole, and has the rows that the manifest says.
files = [entry for entries in tables.values() for entry in entries]
check("the manifest names files of all sixteen tables", len(tables) == 16 and all(tables.values()))
check("pyarrow reads every file, with the rows of the manifest",
      all(pq.read_table(f"{out}/{entry['path']}", partitioning=None).num_rows == entry["rows"] for entry in files))
check("every file has the digest that names it",
      all(hashlib.sha256(open(f"{out}/{entry['path']}", "rb").read()).hexdigest() == entry["sha256"] == os.path.basename(entry["path"])[:64] for entry in files))

# DuckDB through the views, as a dashboard would.
db = duckdb.connect()
db.execute(open(f"{out}/views.sql").read())


def one(sql):
    return db.execute(sql).fetchone()


def rows(sql):
    return db.execute(sql).fetchall()


MENDERS = ("nobody", "carrier", "number")
REASONS = """tracking_missing tracking_placeholder carrier_missing carrier_not_accepted number_refused carrier_mismatch
added_after_delivery number_malformed check_digit_failed delivery_scan_missing scan_missing""".split()
ACCOUNT = "seller_id, marketplace, programme, week_start"
check("vtr_weekly_reasons adds up to vtr_weekly by class, and is pending as often",
      one(f"""select count(*) from (select {ACCOUNT}, sum(packages) filter (class = 'out_of_scope') a, sum(packages) filter (class = 'exempt') b,
              sum(packages) filter (class = 'valid') c, sum(packages) filter (class = 'defect') d, sum(pending) e from vtr_weekly_reasons group by all) r
              full join (select {ACCOUNT}, sum(out_of_scope) a, sum(exempt) b, sum(valid) c, sum(defects) d, sum(pending) e from vtr_weekly
              group by all) w using ({ACCOUNT}) where (coalesce(r.a, 0), coalesce(r.b, 0), coalesce(r.c, 0), coalesce(r.d, 0), r.e)
              is distinct from (w.a, w.b, w.c, w.d, w.e)""") == (0,))
COUNTS = ["eligible", "valid", "defects", "pending"]
check("health_breakdown adds up to account_health",
      one(f"""select count(*) from (select seller_id, marketplace, programme, product_category, {', '.join(f'sum({c}) {c}' for c in COUNTS)}
              from health_breakdown group by all) b full join (select * from account_health where eligible > 0) h
              using (seller_id, marketplace, programme, product_category)
              where ({', '.join('b.' + c for c in COUNTS)}) is distinct from ({', '.join('h.' + c for c in COUNTS)})""") == (0,)
      and one("select sum(eligible) > 0 from health_breakdown") == (True,))
check("in health_breakdown defects are the sum of their reasons and of who can mend them",
      one(f"""select count(*) from health_breakdown where defects <> {' + '.join(REASONS)}
              or defects <> {' + '.join('fixable_by_' + who for who in MENDERS)}""") == (0,))
check("the cause of an account is the largest group of its breakdown",
      one(f"""with groups as (from (unpivot health_breakdown on {', '.join(REASONS)} into name reason value n)),
              largest as (select seller_id, marketplace, programme, product_category, max(n) n from groups group by all)
              select count(*) from account_health h join largest l using (seller_id, marketplace, programme, product_category)
              left join groups g on (g.seller_id, g.marketplace, g.programme, g.product_category, g.reason, g.carrier)
              = (h.seller_id, h.marketplace, h.programme, h.product_category, h.cause_reason, h.cause_carrier)
              where h.cause_packages <> l.n or h.cause_packages > 0 and g.n is distinct from l.n""") == (0,))
for table in ("vtr_weekly", "vtr_weekly_category", "vtr_rolling", "account_health", "health_breakdown"):
    check(f"{table}: what is pending is a part of the defects", one(f"select count(*) from {table} where pending < 0 or pending > defects") == (0,))
check("defects are pending as often as vtr_weekly says",
      one("select count(*) filter (pending) from defects") == one("select sum(pending) from vtr_weekly"))

classes = (sums["out_of_scope"], sums["exempt"], sums["valid"], sums["defect"])
for table in ("vtr_weekly", "vtr_weekly_category"):
    check(f"{table} adds up to the run's sums",
          one(f"select sum(out_of_scope), sum(exempt), sum(valid), sum(defects) from {table}") == classes)
    check(f"{table}: shipments, eligible and defects are sums of their parts",
          one(f"""select count(*) from {table} where shipments <> out_of_scope + exempt + eligible or eligible <> valid + defects
                  or defects <> tracking_missing + tracking_placeholder + carrier_missing + carrier_not_accepted + number_refused
                     + carrier_mismatch + added_after_delivery + number_malformed + check_digit_failed + delivery_scan_missing
                     + scan_missing""") == (0,))
    check(f"{table}: the rate is valid / eligible, null without eligible",
          one(f"select count(*) from {table} where vtr is distinct from case when eligible > 0 then valid::double / eligible end") == (0,))
    check(f"{table}: weeks are Mondays and labelled by ISO",
          one(f"select count(*) from {table} where isodow(week_start) <> 1 or iso_week <> strftime(week_start, '%G-W%V')") == (0,))
check("both weekly tables agree by seller, marketplace and week",
      rows("select seller_id, marketplace, week_start, sum(valid), sum(defects) from vtr_weekly group by all order by all")
      == rows("select seller_id, marketplace, week_start, sum(valid), sum(defects) from vtr_weekly_category group by all order by all"))
check("defects has a row for each defect, with its reason",
      rows("select marketplace, week_start, reason, count(*) from defects group by all order by all")
      == rows("""select marketplace, week_start, reason, sum(n)::bigint from (unpivot (select marketplace, week_start,
                 tracking_missing, tracking_placeholder, carrier_missing, carrier_not_accepted, number_refused, carrier_mismatch,
                 added_after_delivery, number_malformed, check_digit_failed, delivery_scan_missing, scan_missing from vtr_weekly)
                 on columns(* exclude (marketplace, week_start)) into name reason value n) where n > 0 group by all order by all"""))
check("rolling: (all) is the sum of its categories",
      one("""select count(*) from vtr_rolling r where product_category = '(all)' and eligible <>
             (select coalesce(sum(eligible), 0) from vtr_rolling c where c.product_category <> '(all)'
              and (c.seller_id, c.marketplace, c.programme, c.window_end) = (r.seller_id, r.marketplace, r.programme, r.window_end))""") == (0,))
check("carrier_names counts every judged package", one("select sum(shipments) from carrier_names") == (sum(classes),))
check("input_files accounts for every row",
      one("""select sum(rows_read), sum(rows_read - rejected - after_as_of - superseded - outside_range - out_of_scope - exempt
             - valid - defect) from input_files""") == (sums["read"], 0))

# The source, counted by DuckDB alone.
source = f"read_parquet('{shipments}/*.parquet', union_by_name = true)"
check("DuckDB counts the rows that we read", one(f"select count(*) from {source}") == (sums["read"],))
check("the hard links under current/ are the files of the manifest",
      sorted(os.path.basename(path) for path in glob.glob(f"{out}/current/**/*.parquet", recursive=True))
      == sorted(os.path.basename(entry["path"]) for entry in files))

failed = results.count(False)
print(f"{len(results) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
