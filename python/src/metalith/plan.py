"""A feature with its upstreams: which fields its fields are computed from, and how rows join."""

from collections.abc import Mapping, Sequence
from functools import cached_property, total_ordering
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict, PrivateAttr

from metalith.errors import GraphError, NotFoundError
from metalith.fields import FieldSpec
from metalith.keys import (
    CoercibleToFeatureKey,
    CoercibleToFieldKey,
    FeatureKey,
    FieldKey,
    ValidatedFeatureKey,
    coerce_to_field_key,
)
from metalith.lineage import AggregationRelationship, ExpansionRelationship
from metalith.spec import FeatureDep, FeatureSpec

if TYPE_CHECKING:
    from metalith._metalith import Graph


@total_ordering
class FQFieldKey(BaseModel):
    """A field of a particular feature, written `feature/key.field/key`.

    >>> FQFieldKey(feature="video/raw", field="audio")
    video/raw.audio
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: FieldKey
    feature: ValidatedFeatureKey

    if TYPE_CHECKING:

        def __init__(
            self, *, feature: CoercibleToFeatureKey, field: CoercibleToFieldKey
        ) -> None: ...

    @classmethod
    def parse(cls, text: str) -> "FQFieldKey":
        """Reads what `to_string` writes."""
        feature, _, field = text.partition(".")
        return cls(feature=feature, field=field)

    def to_string(self) -> str:
        """The feature's key, a dot, and the field's."""
        return f"{self.feature}.{self.field}"

    def __str__(self) -> str:
        return self.to_string()

    def __repr__(self) -> str:
        return self.to_string()

    def __hash__(self) -> int:
        return hash((self.feature, self.field))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FQFieldKey):
            return NotImplemented
        return (self.feature, self.field) == (other.feature, other.field)

    def __lt__(self, other: "FQFieldKey") -> bool:
        return self.to_string() < other.to_string()


class FeaturePlan(BaseModel):
    """A feature with the specs of its upstreams, and what follows from them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: FeatureSpec
    deps: list[FeatureSpec] | None
    feature_deps: list[FeatureDep] | None = None

    _graph: "Graph | None" = PrivateAttr(default=None)

    @property
    def graph(self) -> "Graph":
        """The engine's graph that answers: of this feature and its upstreams, taken as roots."""
        if self._graph is None:
            from metalith._compiling import compile_plan

            self._graph = compile_plan(self.feature, self.deps or [])
        return self._graph

    @cached_property
    def parent_features_by_key(self) -> Mapping[FeatureKey, FeatureSpec]:
        """The upstreams by key."""
        return {spec.key: spec for spec in self.deps or []}

    @cached_property
    def all_parent_fields_by_key(self) -> Mapping[FQFieldKey, FieldSpec]:
        """Every field of every upstream."""
        return {
            FQFieldKey(feature=spec.key, field=field.key): field
            for spec in self.deps or []
            for field in spec.fields
        }

    @cached_property
    def field_dependencies(self) -> Mapping[FieldKey, Mapping[FeatureKey, list[FieldKey]]]:
        """Per field, the upstream fields it is computed from."""
        found: dict[FieldKey, dict[FeatureKey, list[FieldKey]]] = {
            field.key: {} for field in self.feature.fields
        }
        for name, parents in self.graph.parent_fields(self.feature.key.to_string()).items():
            by_feature = found[FieldKey(name)]
            for parent in map(FQFieldKey.parse, parents):
                by_feature.setdefault(parent.feature, []).append(parent.field)
        return cast("Mapping[FieldKey, Mapping[FeatureKey, list[FieldKey]]]", found)

    @cached_property
    def parent_fields_by_key(self) -> Mapping[FQFieldKey, FieldSpec]:
        """The upstream fields that any field is computed from."""
        found: dict[FQFieldKey, FieldSpec] = {}
        for field in self.feature.fields:
            found.update(self.get_parent_fields_for_field(field.key))
        return found

    @cached_property
    def parent_fields_by_feature_key(self) -> Mapping[FeatureKey, set[FieldKey]]:
        """The same by upstream."""
        found: dict[FeatureKey, set[FieldKey]] = {}
        for parent in self.parent_fields_by_key:
            found.setdefault(parent.feature, set()).add(parent.field)
        return found

    def get_parent_fields_for_field(
        self, key: CoercibleToFieldKey
    ) -> Mapping[FQFieldKey, FieldSpec]:
        """The upstream fields that a field is computed from, by qualified name."""
        wanted = coerce_to_field_key(key)
        if wanted not in self.feature.fields_by_key:
            raise NotFoundError(f"`{self.feature.key}` has no field `{wanted}`")
        parents = self.graph.parent_fields(self.feature.key.to_string())
        names = map(FQFieldKey.parse, parents.get(wanted.to_string(), []))
        return {name: self.all_parent_fields_by_key[name] for name in names}

    @cached_property
    def upstream_id_columns(self) -> list[str]:
        """The ids of all upstreams by their new names, in order."""
        columns: dict[str, None] = {}
        for dep in self.feature_deps or []:
            upstream = self.parent_features_by_key.get(dep.feature)
            columns.update(dict.fromkeys(_renamed_ids(dep, upstream)))
        return list(columns)

    @cached_property
    def input_id_columns(self) -> list[str]:
        """The columns on which upstreams are joined and compared with what is stored."""
        return self.graph.join_keys(self.feature.key.to_string())

    def get_input_id_columns_for_dep(self, feature_dep: FeatureDep) -> list[str]:
        """The columns by which a dep's rows count after its lineage."""
        relationship = feature_dep.lineage.relationship
        if isinstance(relationship, ExpansionRelationship):
            return list(relationship.on)
        if isinstance(relationship, AggregationRelationship):
            return list(relationship.get_aggregation_columns(self.feature.id_columns))
        upstream = self.parent_features_by_key.get(feature_dep.feature)
        if upstream is None:
            raise GraphError(f"`{feature_dep.feature}` is no upstream of `{self.feature.key}`")
        return _renamed_ids(feature_dep, upstream)

    @cached_property
    def optional_deps(self) -> list[FeatureDep]:
        """The deps without which samples can be computed."""
        return [dep for dep in self.feature_deps or [] if dep.optional]

    @cached_property
    def required_deps(self) -> list[FeatureDep]:
        """The deps without which samples cannot be computed."""
        return [dep for dep in self.feature_deps or [] if not dep.optional]


def _renamed_ids(dep: FeatureDep, upstream: FeatureSpec | None) -> list[str]:
    ids: Sequence[str] = () if upstream is None else upstream.id_columns
    return [(dep.rename or {}).get(name, name) for name in ids]
