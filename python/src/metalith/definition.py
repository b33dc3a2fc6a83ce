"""A feature as part of a graph: its spec, with the project and the class it comes from."""

import hashlib
import inspect
import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from metalith.errors import InvalidError
from metalith.keys import (
    CoercibleToFieldKey,
    FeatureKey,
    coerce_to_feature_key,
    coerce_to_field_key,
)
from metalith.retention import Retention
from metalith.spec import FeatureSpec

if TYPE_CHECKING:
    import narwhals as nw

    from metalith.feature import BaseFeature

_CLASS = "feature_class_object"

OnVersionMismatch: TypeAlias = Literal["warn", "error"]


class NotExternalError(InvalidError):
    """Something was asked of a feature that only external ones have."""


class ExternalFeatureVersionMismatchError(InvalidError):
    """An external feature is stored with another version than it is declared with here."""


class ExternalFeatureVersionMismatchWarning(UserWarning):
    """An external feature is stored with another version than it is declared with here."""


class Upstream(dict[str, "nw.LazyFrame[Any]"]):
    """Frames by feature key; a class, a key or a spec finds its frame too."""

    def __missing__(self, feature: Any) -> "nw.LazyFrame[Any]":
        name = str(coerce_to_feature_key(feature))
        if name not in self.keys():
            known = ", ".join(f"`{key}`" for key in self)
            raise KeyError(f"there are no rows of `{name}`, only of {known}")
        return self[name]


class FeatureDefinition(BaseModel):
    """A feature as part of a graph.

    >>> from metalith.spec import FeatureSpec
    >>> spec = FeatureSpec(key="video/raw", id_columns=["video_id"])
    >>> FeatureDefinition.external(spec=spec, project="media").is_external
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: FeatureSpec
    feature_schema: dict[str, Any]
    feature_class_path: str | None = None
    project: str
    retention: Retention | None = None

    _external: bool = PrivateAttr(default=False)
    _provenance: dict[str, str] | None = PrivateAttr(default=None)
    _on_version_mismatch: OnVersionMismatch = PrivateAttr(default="warn")
    _source: str | None = PrivateAttr(default=None)

    @field_validator("feature_schema", mode="before")
    @classmethod
    def _schema_from_text(cls, given: Any) -> Any:
        return json.loads(given) if isinstance(given, str) else given

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            feature_cls = self.__dict__.get(_CLASS) if name == "feature_schema" else None
            if feature_cls is None:
                return super().__getattr__(name)
            schema = feature_cls.model_json_schema()
            object.__setattr__(self, name, schema)
            return schema

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FeatureDefinition):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((self.spec.key, self.project))

    def _compared(self) -> tuple[object, ...]:
        names = FeatureDefinition.model_fields
        return (*(getattr(self, it) for it in names), self._external, self._provenance)

    @model_serializer(mode="wrap")
    def _write(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        _ = self.feature_schema
        written = cast("dict[str, Any]", inner(self))
        if self.retention is None:
            written.pop("retention", None)
        return written

    @classmethod
    def from_feature_class(cls, feature_cls: "type[BaseFeature]") -> "FeatureDefinition":
        """The definition that a class gives."""
        spec = feature_cls.spec()
        if spec.description is None and feature_cls.__doc__:
            spec = spec.model_copy(update={"description": inspect.cleandoc(feature_cls.__doc__)})
        # The schema is left out: it is what takes longest, and few ask for it.
        definition = cls.model_construct(
            spec=spec,
            feature_class_path=class_path(feature_cls),
            project=feature_cls.metaxy_project(),
            retention=getattr(feature_cls, "__metalith_retention__", None),
        )
        definition._source = definition.feature_class_path
        # Beside the fields: the class is no part of what two definitions are compared by.
        object.__setattr__(definition, _CLASS, feature_cls)
        return definition

    @classmethod
    def from_stored_data(
        cls,
        feature_spec: Mapping[str, Any] | str,
        feature_schema: Mapping[str, Any] | str,
        feature_class_path: str | None,
        project: str,
        source: str | None = None,
    ) -> "FeatureDefinition":
        """The definition as a store or a file has it: spec and schema as JSON or its text."""
        spec = json.loads(feature_spec) if isinstance(feature_spec, str) else feature_spec
        schema = json.loads(feature_schema) if isinstance(feature_schema, str) else feature_schema
        definition = cls(
            spec=FeatureSpec.model_validate(spec),
            feature_schema=dict(schema),
            feature_class_path=feature_class_path or None,
            project=project,
        )
        definition._source = source or definition.feature_class_path
        return definition

    @classmethod
    def external(
        cls,
        *,
        spec: FeatureSpec,
        project: str,
        feature_schema: Mapping[str, Any] | None = None,
        provenance_by_field: Mapping[Any, str] | None = None,
        on_version_mismatch: OnVersionMismatch = "warn",
        source: str | None = None,
    ) -> "FeatureDefinition":
        """A feature that another project writes.

        `provenance_by_field` gives versions that stand for those of its fields, so that its own
        upstreams need not be known here. `source` says in messages where it comes from; by
        default the line that calls.
        """
        definition = cls(spec=spec, feature_schema=dict(feature_schema or {}), project=project)
        definition._external = True
        definition._on_version_mismatch = on_version_mismatch
        definition._source = source or _calling_line()
        if provenance_by_field is not None:
            given: Mapping[CoercibleToFieldKey, str] = provenance_by_field
            definition._provenance = {
                coerce_to_field_key(key).to_string(): version for key, version in given.items()
            }
        return definition

    def as_external(self, *, source: str | None = None) -> "FeatureDefinition":
        """The same feature, as one that another project writes."""
        definition = self.model_copy()
        definition._external = True
        definition._source = source or self._source
        return definition

    @property
    def key(self) -> FeatureKey:
        """The feature's key."""
        return self.spec.key

    @property
    def table_name(self) -> str:
        """The name of its table in a database."""
        return self.spec.table_name()

    @property
    def id_columns(self) -> tuple[str, ...]:
        """The columns that tell samples apart."""
        return self.spec.id_columns

    @cached_property
    def columns(self) -> list[str]:
        """The columns that its class declares."""
        return list(self.feature_schema.get("properties", {}))

    @cached_property
    def feature_definition_version(self) -> str:
        """The version of spec and columns together. The project does not count."""
        return self._compute_definition_version(self.spec, self.feature_schema)

    @staticmethod
    def _compute_definition_version(spec: FeatureSpec, feature_schema: Mapping[str, Any]) -> str:
        from metalith.config import hash_length

        text = spec.feature_spec_version + json.dumps(feature_schema, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[: hash_length()]

    @property
    def is_external(self) -> bool:
        """Whether another project writes it."""
        return self._external

    @property
    def source(self) -> str:
        """Where it was declared, for messages; `?` when nobody said so."""
        return self._source or self.feature_class_path or "?"

    @property
    def on_version_mismatch(self) -> OnVersionMismatch:
        """What to do when the store has another version."""
        return self._on_version_mismatch

    @property
    def has_provenance_override(self) -> bool:
        """Whether versions of its fields were given."""
        if not self._external:
            raise NotExternalError(
                f"`{self.key}` is not an external feature: its versions follow from its spec"
            )
        return self._provenance is not None

    @property
    def provenance_by_field_override(self) -> dict[str, str]:
        """The versions that were given for its fields."""
        if not self.has_provenance_override or self._provenance is None:
            raise NotExternalError(
                f"no versions were given for fields of `{self.key}`",
                hint="ask `has_provenance_override` first",
            )
        return dict(self._provenance)

    def feature_class(self) -> "type[BaseFeature] | None":
        """The class, if its module is loaded; `None` for features that have none here."""
        from metalith.feature import BaseFeature

        known: type[BaseFeature] | None = self.__dict__.get(_CLASS)
        if known is not None or self.feature_class_path is None:
            return known
        module, _, name = self.feature_class_path.rpartition(".")
        found: object = getattr(sys.modules.get(module), name, None)
        return found if isinstance(found, type) and issubclass(found, BaseFeature) else None

    def has_custom_load_input(self) -> bool:
        """Whether its class joins the upstreams in a way of its own."""
        found = self.feature_class()
        return found is not None and found.has_custom_load_input()

    def load_input(self, upstream: "Mapping[Any, nw.LazyFrame[Any]]") -> "nw.LazyFrame[Any]":
        """Joins the upstreams' current rows as its class says."""
        found = self.feature_class()
        if found is None:
            raise InvalidError(
                f"the class of `{self.key}` is not loaded",
                hint=f"import `{self.feature_class_path}`",
            )
        frames = Upstream({str(key): frame for key, frame in upstream.items()})
        return found.load_input(frames)

    def __getstate__(self) -> dict[Any, Any]:
        # A class goes to another process by its path, with what it says.
        _ = self.feature_schema
        state = super().__getstate__()
        own = {key: it for key, it in state["__dict__"].items() if key != _CLASS}
        return {**state, "__dict__": own}

    def to_engine(self, *, with_class: bool = False) -> dict[str, Any]:
        """The form in which the engine takes it, with its class where it is to be recorded."""
        given: dict[str, Any] = {"project": self.project, "spec": self.spec.to_wire()}
        if self._external:
            given["external"] = {
                "provenance_by_field": self._provenance or {},
                "source": self._source,
            }
        if self.retention is not None:
            given["retention"] = self.retention.to_engine()
        if self._source is not None:
            given["origin"] = self._source
        if with_class and self.feature_class_path is not None:
            schema = json.dumps(self.feature_schema)
            given["class"] = {"path": self.feature_class_path, "schema": schema}
        return given

    def check_version_mismatch(
        self,
        *,
        expected_version: str,
        actual_version: str,
        expected_version_by_field: Mapping[str, str],
        actual_version_by_field: Mapping[str, str],
    ) -> None:
        """Warns, or raises, when a store has another version than is expected here."""
        if expected_version == actual_version:
            return
        fields = [
            f"`{name}` expected {expected}, got {actual}"
            for name, expected, actual in differences(
                expected_version_by_field, actual_version_by_field
            )
        ]
        message = (
            f"Version mismatch of external feature `{self.key}`: expected {expected_version}, "
            f"got {actual_version}" + (f"; fields: {'; '.join(fields)}" if fields else "")
        )
        if self._on_version_mismatch == "error":
            raise ExternalFeatureVersionMismatchError(
                message, hint="update the external definition to what the store has"
            )
        warnings.warn(message, ExternalFeatureVersionMismatchWarning, stacklevel=2)


def differences(
    expected: Mapping[str, str], actual: Mapping[str, str]
) -> Iterator[tuple[str, str | None, str | None]]:
    """The names with different values, in their order, with both values."""
    for name in sorted(expected.keys() | actual.keys()):
        if expected.get(name) != actual.get(name):
            yield name, expected.get(name), actual.get(name)


def class_path(cls: type) -> str:
    """The path by which a class is imported: what tells two definitions of one key apart."""
    return f"{cls.__module__}.{cls.__name__}"


def _calling_line() -> str | None:
    """The first line on the stack that is not of this package."""
    frame = inspect.currentframe()
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name != "metalith" and not name.startswith("metalith."):
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            function = frame.f_code.co_name
            return place if function.startswith("<") else f"{place} in {function}"
        frame = frame.f_back
    return None
