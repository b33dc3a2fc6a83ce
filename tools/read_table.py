"""Prints some columns of a Delta table as three other readers see them, one sorted line a row."""

import sys

import duckdb
import polars
from deltalake import DeltaTable

path, columns = sys.argv[1], sys.argv[2:]
table = DeltaTable(path)
dataset = table.to_pyarrow_dataset()

readers = {
    "deltalake": dataset.to_table(columns=columns).to_pylist(),
    "polars": polars.read_delta(path).select(columns).to_dicts(),
    "duckdb": duckdb.sql(f"SELECT {', '.join(columns)} FROM dataset").to_arrow_table().to_pylist(),
}
for name, rows in readers.items():
    for line in sorted(" ".join(str(row[column]) for column in columns) for row in rows):
        print(f"{name}: {line}")
