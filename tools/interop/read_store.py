"""Reads tables of a Metalith store with deltalake, Polars and DuckDB and compares their rows.

    read_store.py STORE EXPECTED.json

EXPECTED names, for each feature, the rows that every reader must find, in any order:

    {"video/raw": [{"path": "a.mp4", "size": 3, "metaxy_data_version_by_field": {"frames": "…"}}]}

Columns that the expected rows do not name are read but not compared. Times are compared as ISO 8601
in UTC, maps as objects, and bytes as hex. Every reader must also find the same columns.
"""

import datetime
import decimal
import json
import math
import sys
from pathlib import Path

import deltalake
import duckdb
import polars


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    store, expected = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    problems = []
    for feature, rows in expected.items():
        table = store / f"{feature}.delta"
        found_columns = {}
        for name, reader in READERS.items():
            columns, found = reader(str(table))
            found_columns[name] = sorted(columns)
            problems += differences(f"{feature} by {name}", rows, columns, found)
        if len({tuple(columns) for columns in found_columns.values()}) > 1:
            problems.append(f"{feature}: readers see other columns: {found_columns}")
    if problems:
        sys.exit("\n".join(problems))
    count = sum(len(rows) for rows in expected.values())
    print(f"{count} rows of {len(expected)} features are the same to {', '.join(READERS)}")


def with_deltalake(table):
    arrow = deltalake.DeltaTable(table).to_pyarrow_table()
    return arrow.column_names, arrow.to_pylist()


def with_polars(table):
    frame = polars.read_delta(table)
    return frame.columns, frame.to_dicts()


def with_duckdb(table):
    dataset = deltalake.DeltaTable(table).to_pyarrow_dataset()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.register("dataset", dataset).sql("SELECT * FROM dataset")
        # As Arrow: Python objects of zoned times would need another package.
        arrow = found.to_arrow_table()
        return arrow.column_names, arrow.to_pylist()


READERS = {"deltalake": with_deltalake, "polars": with_polars, "duckdb": with_duckdb}


def differences(where, expected, columns, found):
    """What is wrong with the rows that a reader found, in a few lines."""
    names = sorted({name for row in expected for name in row})
    missing = [name for name in names if name not in columns]
    if missing:
        return [f"{where}: columns {missing} are missing; there are {columns}"]
    wanted = sorted(text({name: row.get(name) for name in names}) for row in expected)
    seen = sorted(text({name: plain(row[name]) for name in names}) for row in found)
    if wanted == seen:
        return []
    problems = [f"{where}: {len(seen)} rows instead of {len(wanted)}"]
    lost, extra = without(wanted, seen), without(seen, wanted)
    problems += [f"  missing    {row}" for row in lost[:3]]
    problems += [f"  unexpected {row}" for row in extra[:3]]
    return problems


def without(rows, others):
    rest = list(others)
    return [row for row in rows if row not in rest or rest.remove(row)]


def text(row):
    return json.dumps(row, sort_keys=True, ensure_ascii=False)


def plain(value):
    """A value as JSON has it."""
    if isinstance(value, datetime.datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
        return zoned.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        pairs = value and all(isinstance(item, tuple) and len(item) == 2 for item in value)
        return {key: plain(item) for key, item in value} if pairs else [plain(it) for it in value]
    return value


if __name__ == "__main__":
    main()
