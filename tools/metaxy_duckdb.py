"""Metaxy's side of a store in DuckDB: writes samples, or tells what it finds.

`metaxy_duckdb.py write|resolve FILE [TABLE_PREFIX]`
"""

import json
import sys
from pathlib import Path

import duckdb
import metaxy as mx
import polars as pl
from metaxy.ext.duckdb import DuckDBMetadataStore
from metaxy.utils import collect_to_polars

# It would fetch extensions from the network. MD5 needs none.
DuckDBMetadataStore._load_extensions = lambda self: None

PROVENANCE = "metaxy_provenance_by_field"


def features():
    deps = {"video/raw": [], "video/crop": ["video/raw"], "video/face": ["video/crop"]}
    fields = {"video/raw": ["audio", "frames"], "video/crop": ["frames"], "video/face": ["faces"]}

    def declare(key):
        spec = mx.FeatureSpec(
            key=key,
            id_columns=["id"],
            fields=[mx.FieldSpec(key=field, code_version="1") for field in fields[key]],
            deps=[mx.FeatureDep(feature=dep) for dep in deps[key]],
        )
        return type(key.title().replace("/", ""), (mx.BaseFeature,), {}, spec=spec)

    return [declare(key) for key in deps]


def rows(ids, content):
    made = [{"audio": f"a {content} {it}", "frames": f"f {content} {it}"} for it in ids]
    return pl.DataFrame({"id": ids, "size": [len(it) for it in ids], PROVENANCE: made})


def work_off(store, feature, only=None):
    increment = store.resolve_update(feature)
    for frame in (increment.new, increment.stale):
        done = collect_to_polars(frame)
        done = done if only is None else done.filter(pl.col("id").is_in(only))
        if len(done):
            store.write(feature, done)


def main():
    work, file, prefix = sys.argv[1], Path(sys.argv[2]), "".join(sys.argv[3:])
    if not file.exists():
        # The library that tests use reads no files of newer versions.
        duckdb.connect().execute(f"ATTACH '{file}' AS made (STORAGE_VERSION 'v1.4.0')")
    mx.MetaxyConfig.set(mx.MetaxyConfig(project="media"))
    with mx.FeatureGraph().use():
        raw, crop, face = features()
        store = DuckDBMetadataStore(
            file,
            auto_create_tables=True,
            hash_algorithm=mx.HashAlgorithm.MD5,
            table_prefix=prefix or None,
        )
        with store.open("w"):
            if work == "write":
                store.write(raw, rows(["a", "b", "c", "d"], "first"))
                work_off(store, crop, ["a", "b", "c"])
                work_off(store, face, ["a", "b"])
                store.write(raw, rows(["b"], "second"))
            found = {}
            for feature in (crop, face):
                increment = store.resolve_update(feature)
                frames = {
                    "new": increment.new,
                    "stale": increment.stale,
                    "orphaned": increment.orphaned,
                }
                found[feature.spec().key.to_string()] = {
                    name: told(collect_to_polars(frame)) for name, frame in frames.items()
                }
    print(json.dumps(found, sort_keys=True))


def told(frame):
    """The ids of samples, with their provenance."""
    pairs = zip(frame["id"], frame["metaxy_provenance"], strict=True)
    return sorted([list(pair) for pair in pairs])


if __name__ == "__main__":
    main()
