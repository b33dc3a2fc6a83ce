"""Stores in databases: how they are named, configured, copied, and what they refuse."""

import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import databases
import duckdb
import polars as pl
import pytest

import metalith as ml
from metalith import store_config
from metalith._drivers import driver_variables, installed_driver
from metalith.errors import InvalidError, NotFoundError, UnavailableError, UnsupportedError

ROWS = {"id": ["a", "b"], "metaxy_provenance_by_field": [{"default": "h"}, {"default": "i"}]}


@pytest.fixture
def clip() -> type[ml.BaseFeature]:
    class Clip(ml.BaseFeature, spec=ml.FeatureSpec(key="raw/clip", id_columns=["id"])):
        id: str

    return Clip


def test_a_table_is_where_the_store_says(clip: type[ml.BaseFeature], tmp_path: Path) -> None:
    store = ml.DuckDBMetadataStore(tmp_path / "a store.duckdb")
    with store.open("write"):
        store.write(clip, pl.DataFrame(ROWS))
        table = store.get_store_info(clip)["table_name"]
    script = "import duckdb, sys\nprint(duckdb.connect(sys.argv[1]).table(sys.argv[2]).count('*'))"
    command = [sys.executable, "-c", script, str(tmp_path / "a store.duckdb"), table]
    # Nobody else may have the file open: a store that is closed has let it go.
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "2" in told
    assert repr(store).endswith("a store.duckdb)")


READER = """
import sys
import metalith as ml
with ml.FeatureGraph().use():
    class Clip(ml.BaseFeature, spec=ml.FeatureSpec(key="raw/clip", id_columns=["id"])):
        id: str
    with ml.DuckDBMetadataStore(sys.argv[1]) as store:
        print(len(store.read(Clip).collect()), flush=True)
        sys.stdin.read()
"""


def test_several_processes_read_one_file(clip: type[ml.BaseFeature], tmp_path: Path) -> None:
    file = tmp_path / "it.duckdb"
    with ml.DuckDBMetadataStore(file).open("write") as store:
        store.write(clip, pl.DataFrame(ROWS))
    command = [sys.executable, "-c", READER, str(file)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as first, subprocess.Popen(command, **pipes) as second:
        for reader in (first, second):
            assert reader.stdout is not None and reader.stdout.readline() == "2\n"
        # Both have it open now, and so may this process; but nobody may write meanwhile.
        own = ml.DuckDBMetadataStore(file)
        with own as store:
            assert len(store.read(clip).collect()) == 2
            with (
                pytest.raises(UnavailableError, match="another process has the database open"),
                store.open("write"),
            ):
                pass
            assert len(store.read(clip).collect()) == 2
        with (
            pytest.raises(UnavailableError, match="another process has the database open"),
            own.open("write"),
        ):
            pass
        with own as store:
            assert len(store.read(clip).collect()) == 2
        for reader in (first, second):
            reader.communicate()
    with ml.DuckDBMetadataStore(file).open("write") as store:
        store.write(clip, pl.DataFrame({**ROWS, "id": ["c", "d"]}))


def test_a_store_that_is_fallen_back_to_is_let_go(
    clip: type[ml.BaseFeature], tmp_path: Path
) -> None:
    prod = ml.DuckDBMetadataStore(tmp_path / "prod.duckdb")
    with prod.open("write"):
        prod.write(clip, pl.DataFrame(ROWS))
    branch = ml.DuckDBMetadataStore(tmp_path / "branch.duckdb", fallback_stores=[prod])
    with branch.open("write"):
        assert len(branch.read(clip).collect()) == 2
    writer = READER.replace("as store", ".open('write') as store")
    command = [sys.executable, "-c", writer, str(tmp_path / "prod.duckdb")]
    told = subprocess.run(command, check=True, capture_output=True, text=True, input="").stdout
    assert told == "2\n"


def test_what_was_opened_to_read_can_be_written_within(
    clip: type[ml.BaseFeature], tmp_path: Path
) -> None:
    file = tmp_path / "it.duckdb"
    with ml.DuckDBMetadataStore(file).open("write") as store:
        store.write(clip, pl.DataFrame(ROWS))
    with ml.DuckDBMetadataStore(file) as store:
        before = store.read(clip)
        with store.open("write"):
            store.write(clip, pl.DataFrame({**ROWS, "id": ["b", "c"]}))
        assert len(store.read(clip).collect()) == 3
        assert len(before.collect()) == 2


@pytest.mark.usefixtures("drivers")
def test_several_stores_share_a_database(clip: type[ml.BaseFeature], tmp_path: Path) -> None:
    for kind in (ml.DuckDBMetadataStore, ml.SQLiteMetadataStore):
        file = tmp_path / kind.database_kind
        stores = [kind(file), kind(file, table_prefix="dev_"), kind(file, table_prefix="dev_b_")]
        for number, store in enumerate(stores):
            with store.open("write"):
                store.write(clip, pl.DataFrame({**ROWS, "id": ["a", str(number)]}))
        for number, store in enumerate(stores):
            with store:
                ids = store.read(clip).collect()["id"].to_list()
                assert sorted(ids) == sorted(["a", str(number)])
                assert [key.to_string() for key in store.list_features()] == ["raw/clip"]
        names = [it.get_table_name(clip) for it in stores]
        assert names == ["raw__clip", "dev_raw__clip", "dev_b_raw__clip"]
        assert stores[1].get_store_info(clip)["table_name"] == "dev_raw__clip"
        assert repr(stores[1]).endswith(f"{file}, tables dev_*)")
        text = f"""
            [stores.dev]
            type = "{kind.database_kind}"
            path = "{file}"
            table_prefix = "dev_"
        """
        (tmp_path / "metalith.toml").write_text(text)
        configured = ml.MetalithConfig.load(tmp_path / "metalith.toml").get_store("dev")
        with configured.open("write"):
            configured.delete(clip, "id = 'a'", reason="it is to be the only one")
        with stores[0], stores[1]:
            counts = [len(it.read(clip).collect()) for it in stores[:2]]
            assert counts == [2, 1]
        with pytest.raises(UnsupportedError, match="lower-case"), kind(file, table_prefix="X"):
            pass


@pytest.mark.usefixtures("drivers")
def test_sqlite_reads_what_a_store_wrote(clip: type[ml.BaseFeature], tmp_path: Path) -> None:
    store = ml.SQLiteMetadataStore("store.sqlite", folder=tmp_path)
    with store.open("write"):
        store.write(clip, pl.DataFrame(ROWS))
        table = store.get_store_info(clip)["table_name"]
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        ids = connection.execute(f'SELECT id FROM "{table}" ORDER BY id').fetchall()
    assert ids == [("a",), ("b",)]


def test_the_database_finds_increments_unless_told_otherwise(
    clip: type[ml.BaseFeature], tmp_path: Path
) -> None:
    class Crop(ml.BaseFeature, spec=ml.FeatureSpec(key="crop", id_columns=["id"], deps=[clip])):
        id: str

    def place(**given: Any) -> ml.DuckDBMetadataStore:
        return ml.DuckDBMetadataStore(tmp_path / "it.duckdb", hash_algorithm="md5", **given)

    with place().open("write") as store:
        store.write(clip, pl.DataFrame(ROWS))
        found = store.resolve_update(Crop)
        here = store.resolve_update(Crop, versioning_engine="polars")
        with pytest.raises(InvalidError, match="no versioning engine `numpy`"):
            store.resolve_update(Crop, versioning_engine="numpy")
    assert (found.is_native, here.is_native) == (True, False)
    with place(prefer_native=False) as store:
        asked = store.resolve_update(Crop, versioning_engine="native")
        assert (store.resolve_update(Crop).is_native, asked.is_native) == (False, True)
    frames = [it.new.to_native().sort("id") for it in (found, here, asked)]
    assert frames[0].equals(frames[1]) and frames[0].equals(frames[2])
    assert frames[0]["id"].to_list() == ["a", "b"]


def test_memory_lasts_as_long_as_the_store(clip: type[ml.BaseFeature]) -> None:
    store = ml.DuckDBMetadataStore(":memory:")
    with store.open("write"):
        store.write(clip, pl.DataFrame(ROWS))
    with store:
        assert len(store.read(clip).collect()) == 2
    with ml.DuckDBMetadataStore(":memory:").open("write") as other:
        assert other.list_features() == []


def test_configuration_leads_to_their_classes(tmp_path: Path, postgresql: str) -> None:
    config = ml.MetalithConfig.model_validate(
        {
            "hash_algorithm": "md5",
            "stores": {
                "here": {"type": "duckdb"},
                "lite": {"type": "sqlite", "path": "x.sqlite", "options": {"a.b": "c"}},
                "main": {
                    "type": "postgresql",
                    "address": postgresql,
                    "options": {"schema": "s"},
                    "fallback_stores": ["here"],
                },
            },
        }
    )
    classes = {
        "here": ml.DuckDBMetadataStore,
        "lite": ml.SQLiteMetadataStore,
        "main": ml.PostgreSQLMetadataStore,
    }
    for name, cls in classes.items():
        store = config.get_store(name, expected_type=cls)
        assert type(store) is cls
        assert (store.name, store.hash_algorithm) == (name, "md5")
    shown = repr(config.get_store("main"))
    assert shown.startswith("[main] PostgreSQLMetadataStore(postgresql://metalith:***@")
    assert databases.PASSWORD not in shown and "schema s" in shown
    assert repr(config.get_store("main").fallback_stores[0]).endswith("store.duckdb)")

    direct = ml.MetadataStore.from_config({"type": "sqlite", "path": "a.sqlite"}, name="it")
    assert isinstance(direct, ml.SQLiteMetadataStore) and direct.name == "it"
    plain = ml.DuckDBMetadataStore.from_config({"database": tmp_path / "b.duckdb", "actor": "anna"})
    assert plain.actor == "anna" and plain.display().endswith("/b.duckdb)")
    with pytest.raises(InvalidError, match="oracle"):
        ml.MetadataStore.from_config({"type": "oracle"}).open().__enter__()


def test_every_type_of_store_has_a_class_that_is_public() -> None:
    for name in ("delta", "memory", "duckdb", "sqlite", "postgresql"):
        cls = store_config.store_class("it", name)
        assert getattr(ml, cls.__name__) is cls


@pytest.mark.usefixtures("drivers")
def test_drivers_are_found_among_packages() -> None:
    libraries = driver_variables()
    kinds = ("DUCKDB", "SQLITE", "POSTGRESQL")
    assert libraries.keys() == {f"METALITH_DRIVERS__{kind}" for kind in kinds}
    assert all(Path(library).is_file() for library in libraries.values())


def test_a_driver_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert installed_driver("sqlite") is None  # else this tests nothing
    with (
        pytest.raises(NotFoundError, match="adbc-driver-sqlite"),
        ml.SQLiteMetadataStore(tmp_path / "x.sqlite").open("write"),
    ):
        pass
    with (
        pytest.raises(NotFoundError, match=r"nothing\.so"),
        ml.DuckDBMetadataStore(tmp_path / "x", driver=tmp_path / "nothing.so").open("write"),
    ):
        pass


def test_a_server_that_does_not_answer_is_told_without_the_password(
    postgresql: str, drivers: None
) -> None:
    wrong = postgresql.replace(databases.PASSWORD, "another-secret")
    with (
        pytest.raises(InvalidError, match="authentication") as told,
        ml.PostgreSQLMetadataStore(wrong),
    ):
        pass
    assert "another-secret" not in str(told.value)


def test_a_store_goes_to_another_process(clip: type[ml.BaseFeature], tmp_path: Path) -> None:
    with ml.DuckDBMetadataStore(tmp_path / "x.duckdb").open("write") as store:
        store.write(clip, pl.DataFrame(ROWS))
        again: ml.DuckDBMetadataStore = pickle.loads(pickle.dumps(store))
    assert not again.is_open and again.display() == store.display()


def test_a_branch_in_duckdb_falls_back_to_a_folder(
    clip: type[ml.BaseFeature], tmp_path: Path
) -> None:
    production = ml.DeltaMetadataStore(tmp_path / "production")
    with production.open("write"):
        production.write(clip, pl.DataFrame(ROWS))
    branch = ml.DuckDBMetadataStore(tmp_path / "branch.duckdb", fallback_stores=[production])
    with production, branch.open("write"):
        assert len(branch.read(clip).collect()) == 2
        assert branch.copy(production, over_fallback=True) == {
            "features_copied": 1,
            "rows_copied": 2,
        }
    with branch:
        assert branch.find_store_for_feature(clip) is branch


def test_the_library_of_python_is_the_driver(clip: type[ml.BaseFeature], tmp_path: Path) -> None:
    driver = installed_driver("duckdb")
    assert driver is not None and Path(driver).name.startswith("_duckdb")
    with ml.DuckDBMetadataStore(tmp_path / "x.duckdb").open("write") as store:
        store.write(clip, pl.DataFrame(ROWS))
    assert duckdb.sql("SELECT 42").fetchall() == [(42,)]
