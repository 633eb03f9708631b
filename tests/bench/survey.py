"""The survey of a history that a query needs beforehand: its distinct names, routes, services, programmes and heads
of numbers, and its first and last day.

`vtr` finds all of it within its run. An author of SQL must find it too, before small tables can be made from it
(dims.py). Each engine is queried in the way that took the least CPU of those tried: one statement per set, or all
sets in one pass.
"""

BOUNDS = ", ".join(f"{bound}({column})" for column in ("promised_delivery_at", "shipped_at") for bound in ("min", "max"))


def sets(d, job):
    """Returns the columns of each set; length and first two characters of the cleaned number distinguish shapes."""
    names = ["marketplace", "coalesce(carrier, '')"]
    number = "coalesce(tracking_number, '')"
    clean = f"upper({d.translate(number, ' -.', '')})"
    heads = [] if job == "scan" else [d.length(clean), f"substr({clean}, 1, 2)"]
    return [names + heads, ["marketplace", "coalesce(ship_from_country, '')", "coalesce(ship_to_country, '')"],
            ["coalesce(ship_service, '')"], ["programme"]]


def one_by_one(d, source, job):
    statements = [f"select distinct {', '.join(columns)} from {source}" for columns in sets(d, job)]
    return {"sets": statements, "bounds": f"select {BOUNDS} from {source}"}


def grouping_sets(d, source, job):
    """One pass; every row belongs to one set and carries its own bounds."""
    asked = sets(d, job)
    columns = list(dict.fromkeys(column for one in asked for column in one))
    name = {column: f"e{at}" for at, column in enumerate(columns)}
    inner = ", ".join(f"{column} as {name[column]}" for column in columns)
    groups = ", ".join(f"({', '.join(name[column] for column in one)})" for one in asked)
    statement = f"select {', '.join(name.values())}, {BOUNDS} from (select {inner}, promised_delivery_at, shipped_at from {source}) h group by grouping sets ({groups})"
    return {"sets": [statement], "bounds": None}


def arrays(d, source, job):
    """Makes one pass into one row of arrays, the fastest way for ClickHouse."""
    arrays = ", ".join(f"groupUniqArray(tuple({', '.join(f'ifNull({column}, {chr(39) * 2})' for column in one)}))" for one in sets(d, job))
    return {"sets": [f"select {arrays}, {BOUNDS} from {source}"], "bounds": None}


WAYS = {("duckdb", "parquet"): one_by_one, ("duckdb", "csv"): grouping_sets, ("chdb", "parquet"): arrays, ("chdb", "csv"): arrays,
        ("datafusion", "parquet"): one_by_one, ("datafusion", "csv"): grouping_sets}


def statements(engine, form, d, source, job):
    return WAYS[engine, form](d, source, job)
