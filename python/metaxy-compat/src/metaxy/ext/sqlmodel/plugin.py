"""Features that are tables of SQLModel as well.

    class Video(BaseSQLModelFeature, table=True, spec=FeatureSpec(key="video", id_columns=["id"])):
        id: str = Field(primary_key=True)

`Video.feature_version()` is that of a feature, `select(Video)` a query of SQLModel.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from metalith.feature import FeatureMeta
from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey
from metalith.spec import FeatureSpec
from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import Index, MetaData, PrimaryKeyConstraint
from sqlalchemy.types import JSON, DateTime
from sqlmodel import Field, SQLModel
from sqlmodel.main import SQLModelMetaclass
from typing_extensions import TypedDict

from metaxy.ext.ibis.metadata_store import IbisMetadataStore
from metaxy.ext.sqlalchemy.plugin import (
    _get_store_sqlalchemy_url,  # pyright: ignore[reportPrivateUsage] - Metaxy calls it so
    inject_constraints,
    key_columns,
    specs_of,
)
from metaxy.models.constants import ALL_SYSTEM_COLUMNS, SYSTEM_COLUMN_PREFIX
from metaxy.models.feature import BaseFeature

_INFO = "metaxy-system"
"""Under this name a table says which feature it is of."""

RESERVED_SQLMODEL_FIELD_NAMES = ALL_SYSTEM_COLUMNS | {
    name.removeprefix(SYSTEM_COLUMN_PREFIX) for name in ALL_SYSTEM_COLUMNS
}

__all__ = [
    "RESERVED_SQLMODEL_FIELD_NAMES",
    "BaseSQLModelFeature",
    "MetaxyTableInfo",
    "SQLModelFeatureConfig",
    "SQLModelFeatureMeta",
    "filter_feature_sqlmodel_metadata",
]


class MetaxyTableInfo(BaseModel):
    """What a table says about itself."""

    feature_key: FeatureKey


class SQLModelFeatureConfig(TypedDict, total=False):
    """What `feature_config` of a class, or of one of its bases, has under `ext` for SQLModel."""

    inject_primary_key: bool
    """Whether version, ids and time become the primary key of the table."""
    inject_index: bool
    """Whether there is an index over them."""


class SQLModelFeatureMeta(FeatureMeta, SQLModelMetaclass):
    """Makes classes that are features and, with `table=True`, tables called as features are."""

    def __new__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        spec: FeatureSpec | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> type:
        # Instances of tables change.
        namespace.setdefault("model_config", ConfigDict(frozen=False))
        if spec is not None and kwargs.get("table"):
            spec = FeatureSpec.model_validate(spec)
            _refuse_reserved(name, namespace)
            namespace["__tablename__"] = spec.key.table_name
            namespace["__table_args__"] = _table_args(name, bases, namespace, spec)
        return super().__new__(cls, name, bases, namespace, spec=spec, **kwargs)


def _refuse_reserved(name: str, namespace: Mapping[str, Any]) -> None:
    """Refuses a name for the table, and fields in the place of Metaxy's own columns."""
    if "__tablename__" in namespace:
        raise ValueError(
            f"Cannot define custom __tablename__ in `{name}`: a store finds the table by the "
            "feature's key"
        )

    def column(value: object) -> object:
        given: object = getattr(value, "sa_column_kwargs", None)
        return cast("dict[str, object]", given).get("name") if isinstance(given, dict) else None

    refused = sorted(
        field
        for field, value in namespace.items()
        if field in RESERVED_SQLMODEL_FIELD_NAMES or column(value) in ALL_SYSTEM_COLUMNS
    )
    if refused:
        raise ValueError(
            f"Cannot define SQLModel field(s) {', '.join(refused)} in `{name}`: every feature has "
            f"the columns {', '.join(sorted(ALL_SYSTEM_COLUMNS))}"
        )


def _table_args(
    name: str, bases: tuple[type, ...], namespace: Mapping[str, Any], spec: FeatureSpec
) -> Any:
    """The arguments of the table: those of the class, constraints, and which feature it is of."""
    given: Any = namespace.get("__table_args__", {})
    if not isinstance(given, dict | tuple):
        raise ValueError(f"Invalid __table_args__ type in {name}: {type(given)}")
    parts = (given,) if isinstance(given, dict) else cast("tuple[Any, ...]", given)
    keywords: dict[str, Any] = {"extend_existing": True}
    if parts and isinstance(parts[-1], dict):
        keywords |= cast("dict[str, Any]", parts[-1])
        parts = parts[:-1]
    info = {_INFO: MetaxyTableInfo(feature_key=spec.key).model_dump()}
    keywords["info"] = {**keywords.get("info", {}), **info}
    wanted = _config_of(bases, namespace)
    if wanted.get("inject_primary_key"):
        parts = (*parts, PrimaryKeyConstraint(*key_columns(spec), name="metaxy_pk"))
    if wanted.get("inject_index"):
        parts = (*parts, Index("metaxy_idx", *key_columns(spec)))
    return keywords if not parts and isinstance(given, dict) else (*parts, keywords)


def _config_of(bases: tuple[type, ...], namespace: Mapping[str, Any]) -> SQLModelFeatureConfig:
    given = [
        namespace.get("feature_config"),
        *(getattr(it, "feature_config", None) for it in bases),
    ]
    found: Mapping[str, Any] = next((it for it in given if it), {})
    return found.get("ext", {}).get("sqlmodel", {})


class BaseSQLModelFeature(SQLModel, BaseFeature, metaclass=SQLModelFeatureMeta, spec=None):
    """What features inherit from that are tables of SQLModel."""

    model_config = ConfigDict(frozen=False)  # pyright: ignore[reportAssignmentType]

    graph: ClassVar[FeatureGraph]

    metaxy_provenance: str | None = Field(
        default=None, description="The hash over all fields", nullable=False
    )
    metaxy_provenance_by_field: dict[str, str] = Field(
        default=None,
        description="Per field, the hash of what it was computed from",
        sa_type=JSON,
        nullable=False,
    )
    metaxy_feature_version: str | None = Field(
        default=None, description="The version of the feature's definition", nullable=False
    )
    metaxy_project_version: str | None = Field(
        default=None, description="The version of the whole graph", nullable=False
    )
    metaxy_data_version: str | None = Field(
        default=None, description="The data version over all fields", nullable=False
    )
    metaxy_data_version_by_field: dict[str, str] | None = Field(
        default=None,
        description="Per field, what downstream hashes",
        sa_type=JSON,
        nullable=False,
    )
    metaxy_created_at: AwareDatetime | None = Field(
        default=None,
        description="When the sample was first written",
        sa_type=cast("Any", DateTime(timezone=True)),
        nullable=False,
    )
    metaxy_updated_at: AwareDatetime | None = Field(
        default=None,
        description="When the row was written",
        sa_type=cast("Any", DateTime(timezone=True)),
        nullable=False,
    )
    metaxy_materialization_id: str | None = Field(
        default=None, description="The run that made the row", nullable=True
    )
    metaxy_deleted_at: AwareDatetime | None = Field(
        default=None,
        description="When the sample was softly deleted",
        sa_type=cast("Any", DateTime(timezone=True)),
        nullable=True,
    )


def filter_feature_sqlmodel_metadata(  # noqa: PLR0917 - as Metaxy takes them
    store: IbisMetadataStore,
    source_metadata: MetaData,
    project: str | None = None,
    filter_by_project: bool = True,
    inject_primary_key: bool | None = None,
    inject_index: bool | None = None,
    protocol: str | None = None,
    port: int | None = None,
) -> tuple[str, MetaData]:
    """The address of a store, and the tables of features under the names that they have there.

    `source_metadata` is usually `SQLModel.metadata`. Of the features of one project, by default
    that of the configuration, or of all of them.
    """
    url = _get_store_sqlalchemy_url(store, protocol, port)
    specs = specs_of(project, filter_by_project)
    chosen = MetaData()
    for table in source_metadata.tables.values():
        if _INFO not in table.info:
            continue
        key = MetaxyTableInfo.model_validate(table.info[_INFO]).feature_key
        spec = specs.get(key)
        if spec is None:
            continue
        copied = table.to_metadata(chosen, name=store.get_table_name(key))
        inject_constraints(copied, spec, inject_primary_key, inject_index)
    return url, chosen
