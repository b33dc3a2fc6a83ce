"""Tables of a store for SQLAlchemy.

Metalith makes the tables of a store itself, with two columns and some tables that are its own.
Alembic is to let these be: `context.configure(..., include_object=include_object)`.
"""

from typing import Any

from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey
from metalith.spec import FeatureSpec
from sqlalchemy import Column, DateTime, Index, MetaData, PrimaryKeyConstraint, String, Table
from sqlalchemy.engine import make_url

from metaxy.config import MetaxyConfig
from metaxy.ext.ibis.metadata_store import IbisMetadataStore
from metaxy.metadata_store.system import EVENTS_KEY, FEATURE_VERSIONS_KEY
from metaxy.models.constants import (
    METAXY_DEFINITION_VERSION,
    METAXY_FEATURE_VERSION,
    METAXY_PROJECT_VERSION,
    METAXY_UPDATED_AT,
)

_OWN_TABLES = tuple(f"__metalith_{name}" for name in ("store", "tables", "commits", "chunks"))
_SYSTEM_TABLES = "metalith_system__"
_OWN_COLUMNS = ("metalith_chunk", "metalith_position")

__all__ = [
    "create_system_tables",
    "filter_feature_sqla_metadata",
    "get_system_slqa_metadata",
    "include_object",
]


def get_system_slqa_metadata(
    store: IbisMetadataStore, protocol: str | None = None, port: int | None = None
) -> tuple[str, MetaData]:
    """The address of a store, and the tables in which Metaxy records things there.

    `protocol` and `port` are put in the place of those in the address.
    """
    metadata = MetaData()
    create_system_tables(metadata, _prefix_of(store))
    return _get_store_sqlalchemy_url(store, protocol, port), metadata


def filter_feature_sqla_metadata(  # noqa: PLR0917 - as Metaxy takes them
    store: IbisMetadataStore,
    source_metadata: MetaData,
    project: str | None = None,
    filter_by_project: bool = True,
    inject_primary_key: bool | None = None,
    inject_index: bool | None = None,
    protocol: str | None = None,
    port: int | None = None,
) -> tuple[str, MetaData]:
    """The address of a store, and those of the tables which are called as its features' are.

    Of the features of one project, by default that of the configuration, or of all of them. What
    is injected is a primary key or an index over version, ids and time.
    """
    url = _get_store_sqlalchemy_url(store, protocol, port)
    found = specs_of(project, filter_by_project)
    specs = {store.get_table_name(key): spec for key, spec in found.items()}
    chosen = MetaData()
    for name, table in source_metadata.tables.items():
        if name in specs:
            copied = table.to_metadata(chosen)
            inject_constraints(copied, specs[name], inject_primary_key, inject_index)
    return url, chosen


def include_object(
    item: object, name: str | None, type_: str, reflected: bool, compare_to: object
) -> bool:
    """Whether something in a database is none of Metalith's own, as Alembic asks it.

    >>> include_object(None, "dev___metalith_chunks", "table", True, None)
    False
    >>> include_object(None, "video__raw", "table", True, None)
    True
    """
    del item, reflected, compare_to
    name = name or ""
    if type_ == "table":
        return not (name.endswith(_OWN_TABLES) or _SYSTEM_TABLES in name)
    if type_ == "index":
        return not (name.endswith("__metalith") or _OWN_COLUMNS[0] in name)
    return not (type_ == "column" and name in _OWN_COLUMNS)


def create_system_tables(metadata: MetaData, table_prefix: str = "") -> tuple[Table, Table]:
    """The tables of recorded features and of events, which nothing writes today."""
    features = f"{table_prefix}{FEATURE_VERSIONS_KEY.table_name}"
    events = f"{table_prefix}{EVENTS_KEY.table_name}"

    def key(name: str, of: Any = String, index: bool = True) -> Column[Any]:
        return Column(name, of, primary_key=True, index=index)

    return (
        Table(
            features,
            metadata,
            key("project"),
            key("feature_key"),
            key(METAXY_DEFINITION_VERSION, index=False),
            Column(METAXY_FEATURE_VERSION, String, index=True),
            Column(METAXY_PROJECT_VERSION, String, index=True),
            Column("recorded_at", DateTime, index=True),
            Column("feature_spec", String),
            Column("feature_schema", String),
            Column("feature_class_path", String),
            Column("tags", String, default="{}"),
            Column("deleted_at", DateTime, nullable=True),
            Index(f"idx_{features}_lookup", "project", "feature_key", METAXY_FEATURE_VERSION),
            extend_existing=True,
        ),
        Table(
            events,
            metadata,
            key("project"),
            key("execution_id"),
            key("timestamp", DateTime, index=False),
            Column("event_type", String, index=True),
            Column("feature_key", String, nullable=True, index=True),
            Column("payload", String, default=""),
            Index(f"idx_{events}_lookup", "project", "execution_id", "event_type"),
            extend_existing=True,
        ),
    )


def key_columns(spec: FeatureSpec) -> list[str]:
    """What tells the rows of a feature's table apart."""
    return [METAXY_FEATURE_VERSION, *spec.id_columns, METAXY_UPDATED_AT]


def inject_constraints(
    table: Table, spec: FeatureSpec, primary_key: bool | None, index: bool | None
) -> None:
    """Gives a table a primary key, or an index, over these columns."""
    if primary_key:
        table.append_constraint(PrimaryKeyConstraint(*key_columns(spec), name="metaxy_pk"))
    if index:
        Index("metaxy_idx", *(table.c[name] for name in key_columns(spec)))


def specs_of(project: str | None, filter_by_project: bool) -> dict[FeatureKey, FeatureSpec]:
    """The specs of features by key: those of a project, by default that of the configuration."""
    project = MetaxyConfig.get(load=True).project if project is None else project
    found = FeatureGraph.get_active().feature_definitions_by_key
    return {
        key: definition.spec
        for key, definition in found.items()
        if not filter_by_project or definition.project == project
    }


def _prefix_of(store: IbisMetadataStore) -> str:
    name = store.get_table_name(FEATURE_VERSIONS_KEY)
    return name.removesuffix(FEATURE_VERSIONS_KEY.table_name)


def _get_store_sqlalchemy_url(
    store: IbisMetadataStore, protocol: str | None = None, port: int | None = None
) -> str:
    """The address of a store's database, perhaps with another protocol or port."""
    if not store.sqlalchemy_url:
        raise ValueError("IbisMetadataStore has an empty `sqlalchemy_url`.")
    if protocol is None and port is None:
        return store.sqlalchemy_url
    url = make_url(store.sqlalchemy_url)
    if protocol is not None:
        url = url.set(drivername=protocol)
    if port is not None:
        url = url.set(port=port)
    return url.render_as_string(hide_password=False)
