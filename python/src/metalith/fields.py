"""The logical parts of a sample's data, and what they are computed from.

>>> FieldSpec(key="audio", code_version="2").model_dump(mode="json")
{'key': 'audio', 'code_version': '2', 'deps': []}
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    field_serializer,
    model_validator,
)
from typing_extensions import Self

from metalith.keys import (
    CoercibleToFeatureKey,
    CoercibleToFieldKey,
    FieldKey,
    ValidatedFeatureKey,
    coerce_to_field_key,
)

DEFAULT_CODE_VERSION = "__metaxy_initial__"


class SpecialFieldDep(Enum):
    """What can stand in place of a list."""

    ALL = "__METAXY_ALL_DEP__"


def _special(given: Any) -> Any:
    return SpecialFieldDep.ALL if given == SpecialFieldDep.ALL.value else given


class FieldDep(BaseModel):
    """Fields of one upstream that a field is computed from.

    >>> FieldDep(feature="video/raw", fields=["audio"]).fields
    [audio]
    """

    model_config = ConfigDict(extra="forbid")

    feature: ValidatedFeatureKey
    fields: Annotated[list[FieldKey] | Literal[SpecialFieldDep.ALL], BeforeValidator(_special)] = (
        SpecialFieldDep.ALL
    )

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            feature: CoercibleToFeatureKey,
            fields: "Sequence[CoercibleToFieldKey] | SpecialFieldDep | str" = ...,
        ) -> None: ...


def _code_version(given: Any) -> Any:
    # A number is what people write; versions are text.
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


def _field_deps(given: Any) -> Any:
    return [] if given is None else _special(given)


class FieldSpec(BaseModel):
    """A logical part of a sample's data, with a version of the code that makes it.

    Without `deps` its parents follow from the fields mapping of each dep of the feature.

    >>> FieldSpec(key="audio", code_version=2).code_version
    '2'
    """

    model_config = ConfigDict(extra="forbid")

    key: FieldKey = Field(default_factory=lambda: FieldKey("default"))
    code_version: Annotated[str, BeforeValidator(_code_version)] = DEFAULT_CODE_VERSION
    deps: Annotated[SpecialFieldDep | list[FieldDep], BeforeValidator(_field_deps)] = Field(
        default_factory=lambda: cast("list[FieldDep]", [])
    )

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            key: CoercibleToFieldKey = ...,
            code_version: str | int = ...,
            deps: "SpecialFieldDep | Sequence[FieldDep] | str | None" = ...,
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _from_key(cls, given: Any) -> Any:
        named = isinstance(given, (str, list, tuple, FieldKey))
        return {"key": cast("object", given)} if named else given


CoercibleToFieldSpec: TypeAlias = "str | FieldKey | FieldSpec | Mapping[str, Any]"
CoercibleToFieldSpecsTypeAdapter: TypeAdapter[list[FieldSpec]] = TypeAdapter(list[FieldSpec])


class FieldsMappingType(str, Enum):
    """The kinds of fields mapping."""

    DEFAULT = "default"
    SPECIFIC = "specific"
    ALL = "all"
    NONE = "none"


class FieldsMappingResolutionContext(BaseModel):
    """A field of a feature, and an upstream in which it looks for its parents."""

    model_config = ConfigDict(frozen=True)

    field_key: FieldKey
    upstream_feature: Any

    @property
    def upstream_feature_key(self) -> Any:
        """The key of the upstream."""
        return self.upstream_feature.key

    @property
    def upstream_feature_fields(self) -> set[FieldKey]:
        """The fields of the upstream."""
        return {field.key for field in self.upstream_feature.fields}


class BaseFieldsMapping(BaseModel):
    """What all kinds have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def resolve_field_deps(self, context: FieldsMappingResolutionContext) -> set[FieldKey]:
        """The upstream's fields that the field is computed from."""
        return _resolve(FieldsMapping.model_validate({"mapping": self}), context)


class DefaultFieldsMapping(BaseFieldsMapping):
    """The field of the same key; if there is none, all."""

    type: Literal[FieldsMappingType.DEFAULT] = FieldsMappingType.DEFAULT
    match_suffix: bool = False
    exclude_fields: list[FieldKey] = Field(default_factory=lambda: cast("list[FieldKey]", []))


class SpecificFieldsMapping(BaseFieldsMapping):
    """Given per field."""

    type: Literal[FieldsMappingType.SPECIFIC] = FieldsMappingType.SPECIFIC
    mapping: dict[FieldKey, set[FieldKey]]

    @field_serializer("mapping", when_used="json")
    def _write(self, mapping: dict[FieldKey, set[FieldKey]]) -> dict[str, list[list[str]]]:
        return {
            key.to_string(): [list(it.parts) for it in sorted(parents)]
            for key, parents in mapping.items()
        }


class AllFieldsMapping(BaseFieldsMapping):
    """All fields."""

    type: Literal[FieldsMappingType.ALL] = FieldsMappingType.ALL


class NoneFieldsMapping(BaseFieldsMapping):
    """No field."""

    type: Literal[FieldsMappingType.NONE] = FieldsMappingType.NONE


class FieldsMapping(BaseModel):
    """How the fields of a feature find their parents in an upstream.

    >>> FieldsMapping.specific({"text": {"audio"}}).model_dump(mode="json")
    {'mapping': {'type': 'specific', 'mapping': {'text': [['audio']]}}}
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mapping: Annotated[
        AllFieldsMapping | SpecificFieldsMapping | NoneFieldsMapping | DefaultFieldsMapping,
        Field(discriminator="type"),
    ]

    @classmethod
    def default(
        cls,
        *,
        match_suffix: bool = False,
        exclude_fields: "list[CoercibleToFieldKey] | list[FieldKey] | None" = None,
    ) -> Self:
        """The field of the same key, or one that ends with it; if there is none, all the others."""
        excluded = [coerce_to_field_key(it) for it in exclude_fields or []]
        return cls(mapping=DefaultFieldsMapping(match_suffix=match_suffix, exclude_fields=excluded))

    @classmethod
    def specific(cls, mapping: "Mapping[Any, Any]") -> Self:
        """Given per field: `{"text": {"audio", "subtitles"}}`."""
        keys: dict[FieldKey, set[FieldKey]] = {}
        for key, parents in mapping.items():
            named = [parents] if isinstance(parents, (str, FieldKey)) else parents
            keys[coerce_to_field_key(key)] = {coerce_to_field_key(it) for it in named}
        return cls(mapping=SpecificFieldsMapping(mapping=keys))

    @classmethod
    def all(cls) -> Self:
        """All fields."""
        return cls(mapping=AllFieldsMapping())

    @classmethod
    def none(cls) -> Self:
        """No field."""
        return cls(mapping=NoneFieldsMapping())

    def resolve_field_deps(self, context: FieldsMappingResolutionContext) -> set[FieldKey]:
        """The upstream's fields that the field is computed from."""
        return _resolve(self, context)


def _resolve(mapping: FieldsMapping, context: FieldsMappingResolutionContext) -> set[FieldKey]:
    """Asks the engine, which alone knows the rule: by a feature with this field alone."""
    from metalith.plan import FeaturePlan
    from metalith.spec import FeatureDep, FeatureSpec

    upstream: FeatureSpec = context.upstream_feature
    if isinstance(mapping.mapping, NoneFieldsMapping):
        return set()
    dep = FeatureDep(feature=upstream.key, fields_mapping=mapping)
    field = FieldSpec(key=context.field_key)
    asking = FeatureSpec(
        key="metalith-asks", id_columns=upstream.id_columns, deps=[dep], fields=[field]
    )
    plan = FeaturePlan(feature=asking, deps=[upstream], feature_deps=[dep])
    return {parent.field for parent in plan.get_parent_fields_for_field(field.key)}
