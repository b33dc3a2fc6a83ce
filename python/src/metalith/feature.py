"""Features as classes.

>>> from metalith.graph import FeatureGraph
>>> with FeatureGraph().use():
...     class Video(BaseFeature, spec=FeatureSpec(key="video", id_columns=["video_id"])):
...         video_id: str
>>> Video.table_name()
'video'
"""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self, TypedDict, dataclass_transform

from metalith.errors import InvalidError
from metalith.graph import FeatureGraph
from metalith.retention import Retention
from metalith.spec import FeatureSpec

if TYPE_CHECKING:
    import narwhals as nw
    from pydantic._internal._model_construction import ModelMetaclass
else:
    # The metaclass under its public side: the type of a model.
    ModelMetaclass = type(BaseModel)

PROJECT_ATTRIBUTES = ("__metalith_project__", "__metaxy_project__")


class FeatureConfig(TypedDict, total=False):
    """Settings of a feature for integrations, by the integration's name."""

    ext: dict[str, Any]


@dataclass_transform(kw_only_default=True, field_specifiers=(Field,))
class FeatureMeta(ModelMetaclass):
    """Takes `spec=` and registers the class in the active graph."""

    def __new__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        spec: FeatureSpec | Mapping[str, Any] | None = None,
        retention: Retention | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> type:
        created = super().__new__(cls, name, bases, namespace, **kwargs)
        if spec is not None:
            spec = FeatureSpec.model_validate(spec)
        graph = FeatureGraph.get_active()
        type.__setattr__(created, "graph", graph)
        # Not inherited: a base with a spec and a class without one are different features.
        type.__setattr__(created, "__metalith_spec__", spec)
        if retention is not None:
            type.__setattr__(created, "__metalith_retention__", Retention.model_validate(retention))
        if spec is not None:
            feature = cast("type[BaseFeature]", created)
            type.__setattr__(created, "__metaxy_project__", project_of(feature))
            type.__setattr__(created, "__metalith_found_project__", True)
            graph.add_feature(feature)
        return created

    def __init__(  # Our keywords go no further.
        cls,  # noqa: N805 - a class is what a metaclass makes
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        spec: FeatureSpec | Mapping[str, Any] | None = None,
        retention: Retention | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, bases, namespace, **kwargs)

    @property
    def _spec(cls) -> FeatureSpec | None:  # noqa: N805
        """Where Metaxy keeps the spec."""
        return cast("FeatureSpec | None", cls.__dict__.get("__metalith_spec__"))

    @_spec.setter
    def _spec(cls, spec: FeatureSpec) -> None:  # noqa: N805
        type.__setattr__(cls, "__metalith_spec__", spec)


class BaseFeature(BaseModel, metaclass=FeatureMeta, spec=None):
    """What feature classes inherit from. Without a `spec` a class is a base for others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    graph: ClassVar[FeatureGraph]
    feature_config: ClassVar[FeatureConfig] = {}

    metaxy_provenance_by_field: dict[str, str] = Field(
        default_factory=lambda: cast("dict[str, str]", {}),
        description="Per field, the hash of what it was computed from",
    )
    metaxy_provenance: str | None = Field(default=None, description="The hash over all fields")
    metaxy_feature_version: str | None = Field(
        default=None, description="The version of the feature's definition"
    )
    metaxy_project_version: str | None = Field(
        default=None, description="The version of the whole graph"
    )
    metaxy_data_version_by_field: dict[str, str] | None = Field(
        default=None, description="Per field, what downstream hashes"
    )
    metaxy_data_version: str | None = Field(
        default=None, description="The data version over all fields"
    )
    metaxy_created_at: AwareDatetime | None = Field(
        default=None, description="When the sample was first written"
    )
    metaxy_materialization_id: str | None = Field(
        default=None, description="The run that made the row"
    )

    @classmethod
    def spec(cls) -> FeatureSpec:
        """What the feature is."""
        spec = cls.__dict__.get("__metalith_spec__")
        if spec is None:
            raise InvalidError(
                f"`{cls.__name__}` has no spec", hint="it is a base; ask a class with `spec=`"
            )
        return spec

    @classmethod
    def table_name(cls) -> str:
        """The name of its table in a database."""
        return cls.spec().table_name()

    @classmethod
    def metaxy_project(cls) -> str:
        """The project that owns it."""
        return cast("str", getattr(cls, "__metaxy_project__", None) or project_of(cls))

    @classmethod
    def feature_version(cls) -> str:
        """The version of its definition, that of its upstreams included."""
        return cls.graph.get_feature_version(cls.spec().key)

    @classmethod
    def feature_code_version(cls) -> str:
        """The version of its own code alone."""
        return cls.spec().code_version

    @classmethod
    def feature_spec_version(cls) -> str:
        """The version of everything its spec declares, description and metadata included."""
        return cls.spec().feature_spec_version

    @classmethod
    def provenance_by_field(cls) -> dict[str, str]:
        """The version of each field."""
        return cls.graph.get_feature_version_by_field(cls.spec().key)

    @classmethod
    def load_input(cls, upstream: "dict[str, nw.LazyFrame[Any]]") -> "nw.LazyFrame[Any]":
        """Joins the upstreams' current rows. Override it to align samples in another way.

        `upstream` has a frame per dep, `upstream[Video]` or by key `upstream["video"]`: its ids
        and columns, renamed and selected as the dep says, and its versions with the feature's name
        at the end, which must stay. What is returned decides which samples there should be;
        hashing and comparison follow.

        This joins on the ids that all have in common: inner for required deps, left for optional.
        An override may start from it: `super().load_input(upstream).filter(...)`.
        """
        return _joined(cls, upstream)

    @classmethod
    def has_custom_load_input(cls) -> bool:
        """Whether `load_input` is overridden."""
        own = getattr(cls.load_input, "__func__", cls.load_input)
        return own is not _DEFAULT_LOAD_INPUT

    @model_validator(mode="after")
    def _declares_its_ids(self) -> Self:
        spec = type(self).__dict__.get("__metalith_spec__")
        fields = type(self).model_fields
        ids: tuple[str, ...] = () if spec is None else spec.id_columns
        missing = {name for name in ids if name not in fields}
        if missing:
            declared = ", ".join(name for name in fields if name not in _SYSTEM)
            raise ValueError(
                f"ID columns {{{', '.join(repr(name) for name in sorted(missing))}}} specified in "
                f"spec are not present in model fields. Available fields: {declared} "
                f"(class `{type(self).__name__}`)"
            )
        return self


Feature = BaseFeature

_SYSTEM = frozenset(BaseFeature.model_fields)

_DEFAULT_LOAD_INPUT: object = cast("Any", BaseFeature.load_input).__func__


def project_of(cls: type) -> str:
    """The project of a class: what it says itself, else its top-level package, else its name."""
    for base in cls.__mro__:
        # What was found for a base may not hold for a class in another package.
        if "__metalith_found_project__" in vars(base):
            continue
        for attribute in PROJECT_ATTRIBUTES:
            given = vars(base).get(attribute)
            if isinstance(given, str):
                return given
    package = cls.__module__.partition(".")[0]
    module = sys.modules.get(package)
    for attribute in PROJECT_ATTRIBUTES:
        given = getattr(module, attribute, None)
        if isinstance(given, str):
            return given
    return package


def _joined(
    feature: type[BaseFeature], upstream: "dict[str, nw.LazyFrame[Any]]"
) -> "nw.LazyFrame[Any]":
    keys = feature.graph.join_keys(feature)
    deps = sorted(feature.spec().deps, key=lambda dep: dep.optional)
    missing = [f"`{dep.feature}`" for dep in deps if dep.feature.to_string() not in upstream]
    if missing or not deps:
        what = f"of {', '.join(missing)}" if missing else "to join"
        raise InvalidError(f"`{feature.spec().key}` has no rows {what}")
    frames = [(dep, upstream[dep.feature.to_string()]) for dep in deps]
    joined = frames[0][1]
    for dep, frame in frames[1:]:
        how = "full" if all(it.optional for it in deps) else "left" if dep.optional else "inner"
        taken = set(joined.collect_schema().names()) - set(keys)
        # An id that is no join key may be in both: it is taken from the first.
        own = [name for name in frame.collect_schema().names() if name not in taken]
        joined = _join(joined, frame.select(own), keys, how)
    return joined


def _join(
    left: "nw.LazyFrame[Any]", right: "nw.LazyFrame[Any]", keys: list[str], how: str
) -> "nw.LazyFrame[Any]":
    if how != "full":
        return left.join(right, on=keys, how=cast("Any", how))
    import narwhals as nw

    joined = left.join(right, on=keys, how="full", suffix="__metalith_right")
    both = [nw.coalesce(nw.col(key), nw.col(f"{key}__metalith_right")).alias(key) for key in keys]
    return joined.with_columns(both).drop([f"{key}__metalith_right" for key in keys])
