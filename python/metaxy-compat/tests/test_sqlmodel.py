"""Features as tables of SQLModel, and tables of stores for SQLAlchemy.

All but what Metalith adds holds for Metaxy as well.
"""

import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import databases
import polars as pl
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Index, MetaData, PrimaryKeyConstraint, String, Table, create_engine
from sqlmodel import Field, Session, SQLModel, select

import metaxy as mx
from metaxy.ext.duckdb import DuckDBMetadataStore
from metaxy.ext.postgresql import PostgreSQLMetadataStore
from metaxy.ext.sqlalchemy import (
    filter_feature_sqla_metadata,
    get_system_slqa_metadata,
    include_object,
)
from metaxy.ext.sqlite import SQLiteMetadataStore
from metaxy.ext.sqlmodel import (
    BaseSQLModelFeature,
    SQLModelFeatureConfig,
    filter_feature_sqlmodel_metadata,
)
from metaxy.metadata_store.system.models import FEATURE_VERSIONS_SCHEMA

SYSTEM = [
    "metaxy_created_at",
    "metaxy_data_version",
    "metaxy_data_version_by_field",
    "metaxy_deleted_at",
    "metaxy_feature_version",
    "metaxy_materialization_id",
    "metaxy_project_version",
    "metaxy_provenance",
    "metaxy_provenance_by_field",
    "metaxy_updated_at",
]


@pytest.fixture(autouse=True)
def _project() -> Iterator[None]:
    SQLModel.metadata.clear()
    with mx.FeatureGraph().use(), mx.MetaxyConfig(project="media").use():
        yield


def spec(key: str, **given: Any) -> mx.FeatureSpec:
    return mx.FeatureSpec(key=key, **{"id_columns": ["id"], **given})


def video(table_args: Any = None, **config: bool) -> Any:
    namespace: dict[str, Any] = {
        "__module__": __name__,
        "__annotations__": {"id": str, "path": str},
        "__metaxy_project__": "media",
        "id": Field(primary_key=True),
        "feature_config": mx.FeatureConfig(ext={"sqlmodel": SQLModelFeatureConfig(**config)}),
    }
    if table_args is not None:
        namespace["__table_args__"] = table_args
    made: Any = type(BaseSQLModelFeature)
    return made("Video", (BaseSQLModelFeature,), namespace, table=True, spec=spec("video/raw"))


def columns(constraint: Any) -> list[str]:
    return [column.name for column in constraint.columns]


def test_a_class_is_a_feature_and_a_table() -> None:
    class Base(BaseSQLModelFeature):
        id: str = Field(primary_key=True)

    class Raw(Base, table=True, spec=spec("video/raw")):
        path: str
        seconds: float | None = None

    class Crop(Base, table=True, spec=spec("video/crop", deps=[Raw])):
        pass

    found = mx.FeatureGraph.get_active().feature_definitions_by_key
    assert [key.to_string() for key in found] == ["video/raw", "video/crop"]
    assert Raw.__tablename__ == Raw.table_name() == "video__raw"
    assert len(Raw.feature_version()) == 8 and Raw.feature_version() != Crop.feature_version()
    table: Any = SQLModel.metadata.tables["video__raw"]
    assert sorted(columns(table)) == sorted([*SYSTEM, "id", "path", "seconds"])
    assert sorted(it.name for it in table.columns if it.nullable) == [
        "metaxy_deleted_at",
        "metaxy_materialization_id",
        "seconds",
    ]
    assert table.info == {"metaxy-system": {"feature_key": "video/raw"}}
    raw = Raw(id="a", path="p")
    raw.path = "q"
    assert (raw.id, raw.path, raw.seconds) == ("a", "q", None)


def test_a_key_is_given_once() -> None:
    video()
    with pytest.raises(ValueError, match="Feature with key video/raw already registered"):

        class Other(BaseSQLModelFeature, table=True, spec=spec("video/raw")):
            id: str = Field(primary_key=True)


def test_what_a_table_must_not_have() -> None:
    with pytest.raises(ValueError, match="Cannot define custom __tablename__"):

        class Named(BaseSQLModelFeature, table=True, spec=spec("video/raw")):
            __tablename__ = "other"
            id: str = Field(primary_key=True)

    with pytest.raises(ValueError, match="metaxy_feature_version"):

        class Versioned(BaseSQLModelFeature, table=True, spec=spec("video/raw")):
            id: str = Field(primary_key=True)
            feature_version: str = Field()

    with pytest.raises(ValueError, match="metaxy_provenance"):

        class Renamed(BaseSQLModelFeature, table=True, spec=spec("video/raw")):
            id: str = Field(primary_key=True, sa_column_kwargs={"name": "metaxy_provenance"})

    with pytest.raises(ValueError, match="Invalid __table_args__ type in Video"):
        video(table_args="x")
    assert not mx.FeatureGraph.get_active().feature_definitions_by_key


def test_keys_and_indexes_are_made_where_they_are_wanted() -> None:
    key = ["metaxy_feature_version", "id", "metaxy_updated_at"]
    plain = video()
    assert isinstance(plain.__table_args__, dict)
    assert columns(plain.__table__.primary_key) == ["id"]
    SQLModel.metadata.clear()
    with mx.FeatureGraph().use():
        both = video(inject_primary_key=True, inject_index=True)
    constraint, index, keywords = both.__table_args__
    assert isinstance(constraint, PrimaryKeyConstraint) and constraint.name == "metaxy_pk"
    assert isinstance(index, Index) and index.name == "metaxy_idx"
    assert columns(constraint) == columns(index) == key
    assert keywords["extend_existing"] is True


def test_arguments_of_the_class_stay() -> None:
    given = {"comment": "of videos", "info": {"own": 1}}
    both = {"own": 1, "metaxy-system": {"feature_key": "video/raw"}}
    table = video(table_args=given).__table__
    assert (table.comment, table.info) == ("of videos", both)
    SQLModel.metadata.clear()
    with mx.FeatureGraph().use():
        made = video(table_args=(Index("own", "path"), given), inject_index=True)
    assert sorted(str(it.name) for it in made.__table__.indexes) == ["metaxy_idx", "own"]
    assert made.__table__.info == both
    SQLModel.metadata.clear()
    with mx.FeatureGraph().use():
        made = video(table_args=(Index("own", "path"),))
    assert [it.name for it in made.__table__.indexes] == ["own"]


def test_rows_of_a_store_are_objects(tmp_path: Path) -> None:
    """Of a store with a prefix, in which the tables have other names."""
    raw = video()
    store = DuckDBMetadataStore(
        tmp_path / "it.duckdb", table_prefix="dev_", auto_create_tables=True
    )
    rows = {"id": ["a"], "path": ["p"], "metaxy_provenance_by_field": [{"default": "h"}]}
    with store.open("w"):
        store.write(raw, pl.DataFrame(rows))
    with store:
        assert store.read(raw).collect().to_native()["path"].to_list() == ["p"]
    # An engine of SQLAlchemy for DuckDB is no part of the tests: another database tells as much.
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        now = datetime.now(timezone.utc)
        own = {name: now if name.endswith("_at") else "v" for name in SYSTEM}
        session.add(raw(id="a", path="p", **own))
        session.commit()
        assert session.exec(select(raw)).one().path == "p"


def test_tables_are_those_of_a_project_under_their_names() -> None:
    video()

    class Theirs(BaseSQLModelFeature, table=True, spec=spec("other/raw")):
        __metaxy_project__ = "other"
        id: str = Field(primary_key=True)

    Table("of_nobody", SQLModel.metadata, Column("id", String))
    store = DuckDBMetadataStore("store.duckdb", table_prefix="dev_")
    url, found = filter_feature_sqlmodel_metadata(store, SQLModel.metadata)
    assert (url, list(found.tables)) == ("duckdb:///store.duckdb", ["dev_video__raw"])
    _, found = filter_feature_sqlmodel_metadata(store, SQLModel.metadata, project="other")
    assert list(found.tables) == ["dev_other__raw"]
    url, found = filter_feature_sqlmodel_metadata(
        store,
        SQLModel.metadata,
        filter_by_project=False,
        inject_primary_key=True,
        inject_index=True,
        protocol="duckdb+other",
    )
    assert url == "duckdb+other:///store.duckdb"
    assert sorted(found.tables) == ["dev_other__raw", "dev_video__raw"]
    table = found.tables["dev_video__raw"]
    assert columns(table.primary_key) == ["metaxy_feature_version", "id", "metaxy_updated_at"]
    assert [it.name for it in table.indexes] == ["metaxy_idx"]
    # What was given stays as it was.
    assert columns(SQLModel.metadata.tables["video__raw"].primary_key) == ["id"]


def test_plain_tables_are_found_by_their_names() -> None:
    video()
    given = MetaData()
    for name in ("dev_video__raw", "video__raw", "of_nobody"):
        Table(name, given, Column("id", String, primary_key=True))
    store = DuckDBMetadataStore("store.duckdb", table_prefix="dev_")
    url, found = filter_feature_sqla_metadata(store, given)
    assert (url, list(found.tables)) == ("duckdb:///store.duckdb", ["dev_video__raw"])
    assert not filter_feature_sqla_metadata(store, given, project="other")[1].tables
    assert list(filter_feature_sqla_metadata(store, given, filter_by_project=False)[1].tables) == [
        "dev_video__raw"
    ]


def test_system_tables_have_the_columns_that_are_recorded() -> None:
    store = DuckDBMetadataStore("store.duckdb", table_prefix="dev_")
    url, found = get_system_slqa_metadata(store)
    assert url == "duckdb:///store.duckdb"
    assert sorted(found.tables) == [
        "dev_metaxy_system__events",
        "dev_metaxy_system__feature_versions",
    ]
    table = found.tables["dev_metaxy_system__feature_versions"]
    assert set(columns(table)) == set(FEATURE_VERSIONS_SCHEMA)
    assert columns(table.primary_key) == ["project", "feature_key", "metaxy_definition_version"]
    assert len(table.indexes) == 6


def test_addresses_may_get_another_protocol_and_port() -> None:
    store = PostgreSQLMetadataStore("postgresql://anna:p%40ss@db:5432/media?a=b")
    told = get_system_slqa_metadata(store, protocol="postgresql+psycopg", port=6000)[0]
    assert told == "postgresql+psycopg://anna:p%40ss@db:6000/media?a=b"
    assert get_system_slqa_metadata(store)[0] == "postgresql://anna:p%40ss@db:5432/media?a=b"
    unknown = PostgreSQLMetadataStore(connection_params={"host": "db", "database": "media"})
    with pytest.raises(ValueError, match="SQLAlchemy URL not available"):
        get_system_slqa_metadata(unknown)


def differences(store: Any) -> list[Any]:
    """What Alembic would do to make a store what features declare."""
    url, tables = filter_feature_sqlmodel_metadata(store, SQLModel.metadata)
    options = {"include_object": include_object, "compare_type": False}
    with create_engine(url).connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts=options), tables)
    changes = [it for change in found for it in (change if isinstance(change, list) else [change])]
    # Columns of stores may be NULL, to databases.
    return [it for it in changes if it[0] != "modify_nullable"]


def test_alembic_lets_be_what_is_metaliths_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(databases.packages())])
    raw = video()
    store = SQLiteMetadataStore(tmp_path / "it.sqlite", table_prefix="dev_")
    rows = {"id": ["a"], "path": ["p"], "metaxy_provenance_by_field": [{"default": "h"}]}
    with store.open("w"):
        store.write(raw, pl.DataFrame(rows))
        store.delete(raw, "id = 'a'", soft=False)
    assert differences(store) == []

    class Crop(BaseSQLModelFeature, table=True, spec=spec("video/crop", deps=[raw])):
        __metaxy_project__ = "media"
        id: str = Field(primary_key=True)

    assert [(it[0], it[1].name) for it in differences(store)] == [("add_table", "dev_video__crop")]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("sqlalchemy", "sqlmodel"):
        with monkeypatch.context() as patch:
            for name in list(sys.modules):
                if name.startswith((f"metaxy.ext.{package}", package)):
                    patch.delitem(sys.modules, name)
            patch.setitem(sys.modules, package, None)
            with pytest.raises(ModuleNotFoundError, match=rf"pip install 'metaxy\[{package}\]'"):
                __import__(f"metaxy.ext.{package}")
