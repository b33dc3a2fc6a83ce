"""What a feature is: its key, ids, fields and deps.

>>> spec = FeatureSpec(key="video/faces", id_columns=["chunk_id"], deps=["video/chunk"])
>>> spec.deps[0].feature
video/chunk
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, cast

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from typing_extensions import Self

from metalith.fields import CoercibleToFieldSpec, FieldsMapping, FieldSpec
from metalith.keys import (
    CoercibleToFeatureKey,
    FeatureKey,
    FieldKey,
    ValidatedFeatureKey,
)
from metalith.lineage import LineageRelationship
from metalith.retention import Retention

if TYPE_CHECKING:
    import narwhals as nw

    from metalith.feature import BaseFeature

__all__ = [
    "CoercibleToFeatureDep",
    "FeatureDep",
    "FeatureSpec",
    "FeatureSpecWithIDColumns",
    "IDColumns",
    "OnDelete",
    "OnDeleteAction",
    "Retention",
    "SampleObjects",
]

OnDeleteAction: TypeAlias = Literal["cascade", "restrict", "set_null", "no_action"]


class OnDelete(BaseModel):
    """What happens to a sample when the upstream's sample that it refers to is deleted.

    The names are those of SQL. Without one, a sample goes along when the deletion cascades.

    >>> OnDelete.restrict(when="is_active", label="name").model_dump()
    {'restrict': {'when': 'is_active', 'label': 'name'}}
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: OnDeleteAction
    when: str | None = None
    label: str | None = None

    @classmethod
    def cascade(cls) -> Self:
        """It goes too, whatever was asked for."""
        return cls(action="cascade")

    @classmethod
    def restrict(cls, *, when: str | None = None, label: str | None = None) -> Self:
        """The deletion is refused, by samples that meet `when`; messages name them by `label`."""
        return cls(action="restrict", when=when, label=label)

    @classmethod
    def set_null(cls) -> Self:
        """The columns that refer to what is gone become NULL."""
        return cls(action="set_null")

    @classmethod
    def no_action(cls) -> Self:
        """Nothing, whatever was asked for."""
        return cls(action="no_action")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"action": given}
        if isinstance(given, Mapping):
            restrict = cast("Mapping[str, object]", given).get("restrict")
            if isinstance(restrict, Mapping):
                return {"action": "restrict", **cast("Mapping[str, object]", restrict)}
        return cast("object", given)

    @model_validator(mode="after")
    def _only_restrict_has_conditions(self) -> Self:
        if self.action != "restrict" and (self.when is not None or self.label is not None):
            raise ValueError(f"`when` and `label` belong to `restrict`, not to `{self.action}`")
        return self

    @model_serializer
    def _write(self) -> Any:
        if self.action == "restrict":
            return {"restrict": {"when": self.when, "label": self.label}}
        return self.action


class SampleObjects(BaseModel):
    """Stored objects that samples name, by a column or by a template with columns in braces.

    >>> SampleObjects(template="s3://bucket/synthetic/{dataset_id}/", when="is_synthetic").owned
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str | None = None
    template: str | None = None
    when: str | None = None
    size: str | None = None
    owned: bool = True

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.column is None) == (self.template is None):
            raise ValueError("objects need a `column` or a `template`, and not both")
        return self

    @model_serializer(mode="wrap")
    def _write(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = cast("dict[str, Any]", inner(self))
        written.pop("template" if self.template is None else "column")
        return written


def _columns(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


def _filters(given: Any) -> Any:
    if given is None:
        return None
    listed = cast("Iterable[object]", given if isinstance(given, (list, tuple)) else (given,))
    return tuple(it if isinstance(it, str) else _expression(it) for it in listed)


def _expression(filter: Any) -> str:
    from metalith.filters import to_expression

    return to_expression(filter)


_Columns: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_columns)]
_Filters: TypeAlias = Annotated[tuple[str, ...] | None, BeforeValidator(_filters)]


class FeatureDep(BaseModel):
    """An upstream of a feature, and how its rows are taken.

    Renamed first, then filtered, selected, and brought together by lineage; so `filters` and
    `select` use new names. `select=[]` takes ids alone. `filters` are expressions in text or of
    Narwhals, kept as text in `sql_filters`.

    >>> FeatureDep(feature="video/raw", rename={"path": "video_path"}, select=["video_path"]).select
    ('video_path',)
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    feature: ValidatedFeatureKey
    # `columns` is how it was called before 2026.
    select: _Columns | None = Field(
        default=None, validation_alias=AliasChoices("select", "columns")
    )
    rename: dict[str, str] | None = None
    fields_mapping: FieldsMapping = Field(default_factory=FieldsMapping.default)
    sql_filters: _Filters = Field(
        default=None, validation_alias=AliasChoices("filters", "sql_filters")
    )
    lineage: LineageRelationship = Field(default_factory=LineageRelationship.identity)
    optional: bool = False
    on_delete: OnDelete | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            feature: CoercibleToFeatureKey,
            select: Sequence[str] | None = ...,
            columns: Sequence[str] | None = ...,
            rename: Mapping[str, str] | None = ...,
            fields_mapping: FieldsMapping = ...,
            filters: "Sequence[str | nw.Expr] | str | nw.Expr | None" = ...,
            sql_filters: Sequence[str] | None = ...,
            lineage: LineageRelationship = ...,
            optional: bool = ...,
            on_delete: OnDelete | OnDeleteAction | None = ...,
        ) -> None: ...

    @property
    def filters(self) -> "tuple[nw.Expr, ...]":
        """Its filters as expressions of Narwhals, as far as these can say the same."""
        from metalith.filter_text import to_narwhals

        return tuple(to_narwhals(text) for text in self.sql_filters or ())

    @model_validator(mode="before")
    @classmethod
    def _from_key(cls, given: Any) -> Any:
        if isinstance(given, (FeatureDep, Mapping)):
            return cast("object", given)
        return {"feature": given}

    @model_validator(mode="after")
    def _select_uses_new_names(self) -> Self:
        old = set(self.rename or ()) - set((self.rename or {}).values())
        wrong = [name for name in self.select or () if name in old]
        if wrong:
            names = ", ".join(f"`{name}`" for name in wrong)
            raise ValueError(
                f"select of `{self.feature}` has pre-rename column names: {names}; "
                f"write the new names, renaming comes first"
            )
        return self

    @model_serializer(mode="wrap")
    def _write(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = cast("dict[str, Any]", inner(self))
        if self.on_delete is None:
            # Left out so that others can read the rest, and versions stay what they were.
            written.pop("on_delete", None)
        return written

    def table_name(self) -> str:
        """The name of the upstream's table in a database."""
        return self.feature.table_name


def _deps(given: Any) -> Any:
    if given is None:
        return []
    if isinstance(given, (str, FeatureKey, FeatureDep, type)):
        return [given]
    return given


def _fields(given: Any) -> Any:
    # A feature without fields has one: samples must have something that can change.
    return [FieldSpec()] if given is None or given in ([], ()) else given


IDColumns: TypeAlias = Sequence[str]
CoercibleToFeatureDep: TypeAlias = (
    "FeatureDep | type[BaseFeature] | str | Sequence[str] | FeatureKey"
)


class FeatureSpec(BaseModel):
    """A feature: a versioned table of samples.

    >>> FeatureSpec(key="video/raw", id_columns=["video_id"], fields=["audio"]).table_name()
    'video__raw'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: ValidatedFeatureKey
    id_columns: _Columns
    deps: Annotated[list[FeatureDep], BeforeValidator(_deps)] = Field(
        default_factory=lambda: cast("list[FeatureDep]", [])
    )
    fields: Annotated[list[FieldSpec], BeforeValidator(_fields)] = Field(
        default_factory=lambda: [FieldSpec()]
    )
    objects: list[SampleObjects] = Field(default_factory=lambda: cast("list[SampleObjects]", []))
    active: str | None = None
    metadata: dict[str, Any] = Field(default_factory=lambda: cast("dict[str, Any]", {}))
    description: str | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            key: CoercibleToFeatureKey,
            id_columns: Sequence[str],
            deps: Sequence[CoercibleToFeatureDep] | None = ...,
            fields: Sequence[CoercibleToFieldSpec] | None = ...,
            objects: Sequence[SampleObjects] = ...,
            active: str | None = ...,
            metadata: Mapping[str, Any] = ...,
            description: str | None = ...,
        ) -> None: ...

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if not self.id_columns:
            raise ValueError(f"id_columns of `{self.key}` must be non-empty")
        _refuse_repeated("id column", self.id_columns)
        _refuse_repeated("field key", [it.key.to_string() for it in self.fields])
        _refuse_repeated("dep", [it.feature.to_string() for it in self.deps])
        return self

    @model_serializer(mode="wrap")
    def _write(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = cast("dict[str, Any]", inner(self))
        # Metalith's own, left out so that others can read the rest.
        if not self.objects:
            written.pop("objects", None)
        if self.active is None:
            written.pop("active", None)
        return written

    def to_wire(self) -> dict[str, Any]:
        """The form in which a spec is stored and given to the engine: plain JSON values."""
        try:
            wire = self.model_dump(mode="json")
            json.dumps(wire, allow_nan=False)
        except ValueError as problem:
            raise ValueError(f"metadata of `{self.key}` is not JSON: {problem}") from problem
        return wire

    @cached_property
    def deps_by_key(self) -> Mapping[FeatureKey, FeatureDep]:
        """The deps by upstream."""
        return {dep.feature: dep for dep in self.deps}

    @cached_property
    def fields_by_key(self) -> Mapping[FieldKey, FieldSpec]:
        """The fields by key."""
        return {field.key: field for field in self.fields}

    @property
    def code_version(self) -> str:
        """The version of the feature's own code alone: over its fields' code versions."""
        from metalith._compiling import code_version

        return code_version(self)

    @property
    def feature_spec_version(self) -> str:
        """The version of everything that is declared here, description and metadata included."""
        from metalith.config import hash_length

        text = json.dumps(self.to_wire(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[: hash_length()]

    def table_name(self) -> str:
        """The name of the table in a database."""
        return self.key.table_name


FeatureSpecWithIDColumns = FeatureSpec


def _refuse_repeated(what: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"Duplicate {what} found: `{name}`")
        seen.add(name)
