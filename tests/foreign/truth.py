"""Compares a published output with the truth of its generated history, cell for cell, in DuckDB.

Usage: truth.py HISTORY OUT; prints `N passed, N failed` and exits with 1 if anything differs.
"""

import sys

import duckdb

history, out = sys.argv[1], sys.argv[2]
db = duckdb.connect()
db.execute(f"create view truth as select *, category as product_category from read_parquet('{history}/truth/*.parquet')")
db.execute(open(f"{out}/views.sql").read())
results = []

DEFECTS = """tracking_missing tracking_placeholder carrier_missing carrier_not_accepted number_refused carrier_mismatch
added_after_delivery number_malformed check_digit_failed delivery_scan_missing scan_missing""".split()
MEASURES = ", ".join(["out_of_scope", "exempt", "valid", *DEFECTS])


def same(name, ours, truth):
    missing, extra = (db.execute(f"select count(*) from (({a}) except all ({b}))").fetchone()[0] for a, b in ((truth, ours), (ours, truth)))
    rows = db.execute(f"select count(*) from ({truth})").fetchone()[0]
    results.append(missing == extra == 0 and rows > 0)
    print(f"{'ok    ' if results[-1] else 'FAILED'} {name}: {rows} rows of the truth, {missing} missing, {extra} too many")


for table, dimension in (("vtr_weekly", "carrier"), ("vtr_weekly_category", "product_category")):
    keys = f"seller_id, marketplace, programme, {dimension}, week_start"
    same(f"cells of {table}",
         f"select * from (unpivot (select {keys}, {MEASURES} from {table}) on {MEASURES} into name measure value n) where n > 0",
         f"""select {keys}, case place when 'defect' then reason else place end measure, count(*) n from truth
             where place not in ('rejected', 'superseded') group by all""")
columns = "seller_id, marketplace, order_id, package_id, reason, day, carrier"
same("rows of defects", f"select {columns} from defects", f"select {columns} from truth where place = 'defect'")
same("places of each file",
     """select regexp_extract(file, '[^/]+$') file, place, n from (unpivot (select file, rejected, superseded, out_of_scope, exempt,
        valid, defect from input_files) on rejected, superseded, out_of_scope, exempt, valid, defect into name place value n) where n > 0""",
     "select regexp_extract(file, '[^/]+$') file, place, count(*) n from truth group by all")

failed = results.count(False)
print(f"{len(results) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
