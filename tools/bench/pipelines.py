"""Pipelines at size: `cargo xtask bench pipelines` builds our binary and starts this.

Ten operations over many rows, against the same written in Polars, lazily; both with process start.
What they write must be the same. `--large` only runs ours over so many rows, and tells its memory.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from bench import machine, measure

PIPELINE = """\
name: bench
datasources:
- {id: in, path: orders.parquet}
- {id: customers, path: customers.parquet}
- {id: out, path: ours}
input: {datasource_id: in, table: orders}
operations:
- {seq: 1, type: update, assignments: {status: UPPER(status)}}
- {seq: 2, type: delete, selector: 'status = "CANCELLED" OR status = "TEST"'}
- {seq: 3, type: delete, selector: quantity = 0}
- {seq: 4, type: update, selector: status = "RETURNED", assignments: {quantity: -quantity}}
- {seq: 5, type: update, assignments: {amount: quantity * price}}
- {seq: 6, type: join, input: {datasource_id: customers, table: customers}, on: customer}
- {seq: 7, type: update, selector: country = "US", assignments: {amount: amount * 0.9}}
- seq: 8
  type: output
  columns: [order, customer, status, quantity, price, country, amount]
  destination: {datasource_id: out, table: orders}
- seq: 9
  type: aggregate
  group_by: [country, status]
  aggregations: {orders: COUNT(*), revenue: SUM(amount), customers: COUNT(DISTINCT customer)}
- {seq: 10, type: output, destination: {datasource_id: out, table: revenue}}
"""


def main():
    args = arguments()
    if args.peer:
        peer(args.scratch)
        return
    results = [against_the_peer(args)]
    if args.large:
        results.append(large(args))
    shutil.rmtree(args.scratch)
    args.output.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    print(f"\nwritten to {args.output}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metalith", type=Path)
    parser.add_argument("--scratch", type=Path, required=True, help="a folder that is emptied")
    parser.add_argument("--output", type=Path, help="where the JSON goes")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--large", type=int, default=0, help="also run ours over so many rows")
    parser.add_argument("--peer", action="store_true", help="run the peer, for the bench itself")
    return parser.parse_args()


def make(folder, rows):
    """Orders made of their numbers, so that they are the same each time; piece by piece."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    number = pl.int_range(rows, eager=False).alias("order")
    hashed = pl.col("order") * 2654435761 % 4294967296
    statuses = ["shipped"] * 7 + ["returned", "cancelled", "test"]
    frame = (
        pl.select(number)
        .lazy()
        .with_columns(
            (hashed % 100_000).alias("customer"),
            pl.lit(pl.Series(statuses)).gather(hashed // 8 % 10).alias("status"),
            (hashed // 64 % 5).alias("quantity"),
            ((hashed // 128 % 10_000) / 100).alias("price"),
        )
    )
    frame.sink_parquet(folder / "orders.parquet")
    countries = ["DE", "FR", "IT", "PL", "US"]
    customers = pl.select(pl.int_range(100_000).alias("customer"))
    country = pl.lit(pl.Series(countries)).gather(pl.col("customer") % 5).alias("country")
    customers.with_columns(country).write_parquet(folder / "customers.parquet")
    (folder / "bench.yaml").write_text(PIPELINE)


def ours(args):
    return [str(args.metalith), "--quiet", "run", str(args.scratch / "bench.yaml")]


def peer(folder):
    """The same in Polars: deleted rows are left out, since no output asks for them."""
    (folder / "theirs").mkdir(exist_ok=True)
    customers = pl.scan_parquet(folder / "customers.parquet")
    orders = (
        pl.scan_parquet(folder / "orders.parquet")
        .with_columns(pl.col("status").str.to_uppercase())
        .filter(~pl.col("status").is_in(["CANCELLED", "TEST"]))
        .filter(pl.col("quantity") != 0)
        .with_columns(
            pl.when(pl.col("status") == "RETURNED")
            .then(-pl.col("quantity"))
            .otherwise(pl.col("quantity"))
            .alias("quantity")
        )
        .with_columns((pl.col("quantity") * pl.col("price")).alias("amount"))
        .join(customers, on="customer", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("country") == "US")
            .then(pl.col("amount") * 0.9)
            .otherwise(pl.col("amount"))
            .alias("amount")
        )
        .select("order", "customer", "status", "quantity", "price", "country", "amount")
    )
    revenue = orders.group_by("country", "status").agg(
        pl.len().alias("orders"),
        pl.col("amount").sum().alias("revenue"),
        pl.col("customer").n_unique().alias("customers"),
    )
    pl.collect_all(
        [
            orders.sink_parquet(folder / "theirs/orders.parquet", lazy=True),
            revenue.sink_parquet(folder / "theirs/revenue.parquet", lazy=True),
        ]
    )


def against_the_peer(args):
    make(args.scratch, args.rows)
    mine = measure(ours(args))
    command = [sys.executable, "-B", __file__, "--peer", "--scratch", str(args.scratch)]
    theirs = measure(command)
    compare(args.scratch)
    ratio = mine["seconds"] / theirs["seconds"]
    for side, found in [("polars", theirs), ("ours", mine)]:
        print_result(args.rows, side, found)
    print(f"  {ratio:.2f} times as long, {mine['mib'] / theirs['mib']:.2f} times the memory")
    kept = {
        side: {key: found[key] for key in ["seconds", "cpu", "mib"]}
        for side, found in [("ours", mine), ("peer", theirs)]
    }
    return {"what": "ten operations", "rows": args.rows, "ratio": ratio, **kept}


def compare(folder):
    """Stops unless both wrote the same."""
    for table, keys in [("orders", ["order"]), ("revenue", ["country", "status"])]:
        mine, theirs = (
            pl.read_parquet(folder / side / f"{table}.parquet").sort(keys)
            for side in ["ours", "theirs"]
        )
        # Sums of floats depend on the order in which they are added.
        assert_frame_equal(mine, theirs.select(mine.columns).cast(dict(mine.schema)), rel_tol=1e-9)


def print_result(rows, side, found):
    figures = f"{found['seconds']:>8.2f} s {found['mib']:>7.0f} MiB"
    print(f"ten operations over {rows:,} rows, {side:<7} {figures}")


def large(args):
    make(args.scratch, args.large)
    found = measure(ours(args))
    print_result(args.large, "ours", found)
    return {"what": "large", "rows": args.large, "seconds": found["seconds"], "mib": found["mib"]}


if __name__ == "__main__":
    main()
