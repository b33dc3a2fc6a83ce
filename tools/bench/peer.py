"""Metaxy's side of the benchmark: one command is one process, as a user would start it.

    peer.py data    --graph wide --rows 1000000 --dir DATA
    peer.py seed    --graph wide --engine duckdb --store STORE --data DATA --case stale
    peer.py resolve --graph wide --engine duckdb --store STORE
    peer.py write   --graph wide --engine duckdb --store STORE --data DATA
    peer.py read    --graph wide --engine duckdb --store STORE
    peer.py threads --graph wide --engine delta --store STORE

The graphs are those of the benchmark in Metaxy's paper: `simple` is one root of two fields and
a leaf of one; `wide` joins two roots of four fields into a leaf of two.
"""

import argparse
import concurrent.futures
import contextvars
import json
import random
import time
from pathlib import Path

ROOTS = {
    "simple": {"bench/simple_root": ["audio", "frames"]},
    "wide": {
        "bench/wide_root_0": ["audio", "frames", "optical_flow", "embedding"],
        "bench/wide_root_1": ["audio", "frames", "optical_flow", "embedding"],
    },
}
LEAVES = {
    "simple": ("bench/simple_leaf", ["prediction"]),
    "wide": ("bench/wide_leaf", ["prediction_a", "prediction_b"]),
}
# What each engine is compared with: DuckDB has xxHash only in an extension from the network.
HASHES = {"duckdb": "md5", "delta": "xxhash64"}
# To how many characters it cuts hashes unless told otherwise.
HASH_LENGTH = 8
PROVENANCE = "metaxy_provenance_by_field"
BUMPED = 0.1


def main():
    args = arguments()
    if args.command == "data":
        make_data(args)
        return
    # What is measured is work with frames: who imports Polars later has the same to do.
    import metaxy
    import polars

    config = metaxy.MetaxyConfig(project="bench", hash_truncation_length=args.hash_length)
    metaxy.MetaxyConfig.set(config)
    graph = metaxy.FeatureGraph()
    with graph.use():
        roots, leaf = features(metaxy, args.graph)
        with open_store(metaxy, args) as store:
            if args.command == "write":
                # Polars reads it, for both sides.
                args.frame = polars.read_parquet(args.data / "root_0.parquet")
            start = time.perf_counter()
            found = COMMANDS[args.command](args, store, roots, leaf)
            # Without the start of Python and the opening of the store.
            print(json.dumps({"seconds": time.perf_counter() - start, **(found or {})}))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["data", *COMMANDS])
    parser.add_argument("--graph", choices=list(ROOTS), required=True)
    parser.add_argument("--engine", choices=list(HASHES), default="duckdb")
    parser.add_argument("--keep", choices=list(HASHES), help="another store with this hash")
    parser.add_argument("--hash-length", type=int, default=HASH_LENGTH)
    parser.add_argument("--case", choices=["new", "stale"], default="new")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--rows", type=int)
    return parser.parse_args()


def make_data(args):
    """One Parquet file per root, and the first root again with a tenth of its samples changed."""
    import pyarrow
    import pyarrow.parquet

    args.dir.mkdir(parents=True, exist_ok=True)
    for number, fields in enumerate(ROOTS[args.graph].values()):
        rng = random.Random(42 + number)
        versions = {
            field: [f"{field[0]}{rng.randrange(2**20)}" for _ in range(args.rows)]
            for field in fields
        }
        files = {f"root_{number}": versions}
        if number == 0:
            rng = random.Random(777)
            bumped = [
                text + "_bumped" if rng.random() < BUMPED else text for text in versions["audio"]
            ]
            files["bumped"] = {**versions, "audio": bumped}
        for name, columns in files.items():
            struct = pyarrow.StructArray.from_arrays(
                [pyarrow.array(values) for values in columns.values()], names=list(columns)
            )
            ids = pyarrow.array(range(args.rows), pyarrow.int64())
            table = pyarrow.table({"sample_uid": ids, PROVENANCE: struct})
            pyarrow.parquet.write_table(table, args.dir / f"{name}.parquet")


def features(metaxy, graph):
    def feature(key, fields, deps):
        spec = metaxy.FeatureSpec(
            key=key,
            id_columns=("sample_uid",),
            fields=[metaxy.FieldSpec(key=field, code_version="1") for field in fields],
            deps=[metaxy.FeatureDep(feature=dep) for dep in deps],
        )
        return type(key.title().replace("/", ""), (metaxy.BaseFeature,), {}, spec=spec)

    roots = [feature(key, fields, []) for key, fields in ROOTS[graph].items()]
    key, fields = LEAVES[graph]
    return roots, feature(key, fields, roots)


def open_store(metaxy, args):
    algorithm = metaxy.HashAlgorithm(HASHES[args.engine])
    if (args.keep or args.engine) == "delta":
        from metaxy.ext.polars.handlers.delta import DeltaMetadataStore

        return DeltaMetadataStore(args.store, hash_algorithm=algorithm).open("w")
    from metaxy.ext.duckdb import DuckDBMetadataStore

    # It would fetch an extension from the network at every start, needed or not.
    DuckDBMetadataStore._load_extensions = lambda self: None
    args.store.mkdir(parents=True, exist_ok=True)
    return DuckDBMetadataStore(
        args.store / "bench.duckdb", auto_create_tables=True, hash_algorithm=algorithm
    ).open("w")


def seed(args, store, roots, leaf):
    import polars

    for number, root in enumerate(roots):
        store.write(root, polars.read_parquet(args.data / f"root_{number}.parquet"))
    if args.case == "stale":
        store.write(leaf, store.resolve_update(leaf).new)
        store.write(roots[0], polars.read_parquet(args.data / "bumped.parquet"))


def resolve(args, store, roots, leaf):
    found = store.resolve_update(leaf).to_polars()
    counts = {name: len(getattr(found, name)) for name in ("new", "stale", "orphaned")}
    return {"counts": counts}


def write(args, store, roots, leaf):
    store.write(roots[0], args.frame)


def read(args, store, roots, leaf):
    from metaxy.utils import collect_to_polars

    return {"rows": len(collect_to_polars(store.read(roots[0])))}


def threads(args, store, roots, leaf):
    """Eight threads resolve at once, each with the store opened for itself."""
    import metaxy

    def work():
        with open_store(metaxy, args) as own:
            return len(own.resolve_update(leaf).to_polars().new)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        contexts = [contextvars.copy_context() for _ in range(8)]
        return {"new": sum(pool.map(lambda context: context.run(work), contexts))}


COMMANDS = {
    "seed": seed,
    "resolve": resolve,
    "write": write,
    "read": read,
    "threads": threads,
}

if __name__ == "__main__":
    main()
