"""Stores in databases under the names of Metaxy."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import databases
import polars as pl
import pytest
from metalith.errors import UnsupportedError

import metaxy as mx
from metaxy.ext.duckdb import DuckDBMetadataStore
from metaxy.ext.postgresql import PostgreSQLMetadataStore
from metaxy.metadata_store.ibis import IbisMetadataStore
from metaxy.metadata_store.system import SystemTableStorage

PEER = Path(__file__).parents[3] / "tools" / "metaxy_duckdb.py"
FEATURES = {
    "video/raw": ([], ["audio", "frames"]),
    "video/crop": (["video/raw"], ["frames"]),
    "video/face": (["video/crop"], ["faces"]),
}


@pytest.fixture(autouse=True)
def project() -> Iterator[None]:
    with mx.FeatureGraph().use(), mx.MetaxyConfig(project="media").use():
        for key, (deps, fields) in FEATURES.items():
            spec = mx.FeatureSpec(
                key=key,
                id_columns=["id"],
                fields=[mx.FieldSpec(key=it, code_version="1") for it in fields],
                deps=[mx.FeatureDep(feature=dep) for dep in deps],
            )
            type(key.title().replace("/", ""), (mx.BaseFeature,), {}, spec=spec)
        yield


def peer(work: str, file: Path, *prefix: str) -> Any:
    """Lets Metaxy work on a file; returns what it finds to do."""
    python = os.environ["METALITH_PEER_PYTHON"]
    command = [python, "-W", "ignore", str(PEER), work, str(file), *prefix]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def found(store: mx.MetadataStore) -> Any:
    """The same in a store that is open."""

    def told(frame: Any) -> list[list[str]]:
        pairs = frame.select("id", "metaxy_provenance").rows()
        return sorted(list(pair) for pair in pairs)

    increments = {key: store.resolve_update(key) for key in ("video/crop", "video/face")}
    return {
        key: {"new": told(it.new), "stale": told(it.stale), "orphaned": told(it.orphaned)}
        for key, it in increments.items()
    }


def test_a_store_that_metaxy_wrote_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "metadata.duckdb"
    expected = peer("write", file)
    config = mx.MetaxyConfig(
        project="media",
        stores={
            "dev": mx.StoreConfig(
                type="metaxy.ext.duckdb.DuckDBMetadataStore",
                config={"database": str(file), "hash_algorithm": "md5"},
            )
        },
    )
    with config.use():
        store = config.get_store("dev", expected_type=DuckDBMetadataStore)
    with store:
        assert found(store) == expected
        assert expected["video/crop"]["stale"] != []
    with store.open("w"):
        for key in ("video/crop", "video/face"):
            increment = store.resolve_update(key)
            for frame in (increment.new, increment.stale):
                if len(frame):
                    store.write(key, frame)
        store.delete("video/raw", "id = 'a'")
        after = found(store)
    del store
    assert after["video/crop"]["orphaned"][0][0] == "a"
    assert peer("resolve", file) == after


def test_it_is_used_as_before(tmp_path: Path) -> None:
    rows = {"id": ["a"], "metaxy_provenance_by_field": [{"audio": "h", "frames": "i"}]}
    with DuckDBMetadataStore(database=tmp_path / "x.db", auto_create_tables=True).open(
        "w"
    ) as store:
        store.write("video/raw", pl.DataFrame(rows))
        assert isinstance(store, IbisMetadataStore) and store.backend == "duckdb"
        assert store.hash_algorithm == "xxhash32"
        assert store.get_table_name("video/raw") == "video__raw"
        assert store.get_store_info("video/raw")["table_name"] == "video__raw"
        pushed = SystemTableStorage(store).push_graph_snapshot()
        assert not pushed.already_pushed
        assert SystemTableStorage(store).push_graph_snapshot().already_pushed
    memory = DuckDBMetadataStore(":memory:")
    with memory.open("w"):
        memory.write("video/raw", pl.DataFrame(rows))
    with memory:
        assert memory.read("video/raw").select("id").collect().to_dict(as_series=False) == {
            "id": ["a"]
        }
    branch = DuckDBMetadataStore(tmp_path / "branch.db", fallback_stores=[memory])
    with branch.open("w"):
        assert len(branch.resolve_update("video/crop").new) == 1


def test_tables_that_metaxy_gave_a_prefix_go_on(tmp_path: Path) -> None:
    file = tmp_path / "metadata.duckdb"
    expected = peer("write", file, "dev_")
    assert expected["video/crop"]["stale"] != []
    # One that begins with it is another.
    other = peer("write", file, "dev_b_")
    assert other == expected
    store = DuckDBMetadataStore(file, hash_algorithm="md5", table_prefix="dev_")
    with store:
        assert found(store) == expected
        assert "dev_video__raw" in store.conn.list_tables()
    with store.open("w"):
        increment = store.resolve_update("video/crop")
        for frame in (increment.new, increment.stale):
            store.write("video/crop", frame)
        after = found(store)
    assert after["video/crop"] == {"new": [], "stale": [], "orphaned": []}
    del store
    assert peer("resolve", file, "dev_") == after
    assert peer("resolve", file, "dev_b_") == expected


def test_parameters_of_a_connection_are_an_address() -> None:
    parameters = {"host": "db", "port": 5433, "database": "a/b", "user": "anna", "password": "p@ss"}
    store = PostgreSQLMetadataStore(connection_params=parameters)
    assert store.display() == "PostgreSQLMetadataStore(postgresql://db:5433/a%2Fb)"
    assert store.backend == "postgres"
    with pytest.raises(ValueError, match="Must provide either"):
        PostgreSQLMetadataStore()


@pytest.fixture
def postgresql(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server, whose driver is found as if it were installed."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(databases.packages())])
    with databases.postgresql() as address:
        yield address


def test_postgresql_holds_stores_side_by_side(postgresql: str) -> None:
    def rows(*ids: str) -> pl.DataFrame:
        versions = [{"audio": f"a {it}", "frames": f"f {it}"} for it in ids]
        return pl.DataFrame({"id": list(ids), "metaxy_provenance_by_field": versions})

    stores = [
        PostgreSQLMetadataStore(postgresql, table_prefix=prefix, hash_algorithm=algorithm)
        for prefix, algorithm in ((None, "md5"), ("dev_", "md5"), ("prod_", "xxhash64"))
    ]
    for number, store in enumerate(stores):
        assert store._conn is None
        with store.open("w"):
            assert store._conn is not None and store.conn.name == "postgres"
            store.write("video/raw", rows("a", f"own {number}"))
            store.write("video/crop", store.resolve_update("video/crop").new)
            store.delete("video/raw", "id = 'a'")
            SystemTableStorage(store).push_graph_snapshot()
            orphaned = store.resolve_update("video/crop").orphaned
            assert orphaned["id"].to_list() == ["a"]
    for number, store in enumerate(stores):
        prefix = ("", "dev_", "prod_")[number]
        with store:
            kept = store.read("video/raw").collect()["id"].to_list()
            assert kept == [f"own {number}"]
            tables = ["metaxy_system__feature_versions", "video__crop", "video__raw"]
            assert store.conn.list_tables() == [f"{prefix}{table}" for table in tables]
        assert store.sqlalchemy_url == postgresql
    assert "s3cret" not in repr(stores)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for given, named in [
        ({"database": "md:media"}, "MotherDuck"),
        ({"database": tmp_path / "x.db", "ducklake": {"alias": "lake"}}, "DuckLake"),
    ]:
        with pytest.raises(UnsupportedError, match=named):
            DuckDBMetadataStore(**given)
