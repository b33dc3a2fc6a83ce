"""A feature's columns and rows as Dagster shows them."""

import json
import types
from collections.abc import Mapping, Sequence
from typing import Any, Union, cast, get_args, get_origin

import dagster as dg
import narwhals as nw

from metalith.definition import FeatureDefinition
from metalith.ext.dagster.constants import ATTRIBUTES_METADATA_KEY
from metalith.feature import BaseFeature
from metalith.graph import FeatureGraph
from metalith.keys import CoercibleToFeatureKey, coerce_to_feature_key
from metalith.lineage import AggregationRelationship, ExpansionRelationship
from metalith.spec import FeatureDep, FeatureSpec

LONGEST_LIST = 2
# What a sample was computed from is what its upstreams were.
_VERSIONS = (
    ("metaxy_provenance", "metaxy_data_version"),
    ("metaxy_provenance_by_field", "metaxy_data_version_by_field"),
)


def definition_of(feature: CoercibleToFeatureKey) -> FeatureDefinition:
    """The definition of a feature: of a class in its own graph, else in the active one."""
    if isinstance(feature, FeatureDefinition):
        return feature
    key = coerce_to_feature_key(feature)
    graph = FeatureGraph.get_active()
    if key not in graph and isinstance(feature, type):
        graph = feature.graph
    return graph.get_feature_definition(key)


def class_of(feature: CoercibleToFeatureKey) -> type[BaseFeature]:
    """The class of a feature. External ones have none."""
    definition = definition_of(feature)
    found = definition.feature_class()
    if found is None:
        raise ImportError(
            f"`{definition.key}` is an external feature: there is no class to take columns from"
        )
    return found


def build_column_schema(feature: FeatureDefinition | type[BaseFeature]) -> dg.TableSchema:
    """The columns that a feature's class declares, by name."""
    columns = [
        dg.TableColumn(
            name=name,
            type=_type_name(field.annotation),
            description=field.description,
            constraints=dg.TableColumnConstraints(nullable=_is_optional(field.annotation)),
        )
        for name, field in class_of(feature).model_fields.items()
    ]
    return dg.TableSchema(columns=sorted(columns, key=lambda column: column.name))


def _is_optional(annotation: Any) -> bool:
    return _is_union(annotation) and type(None) in get_args(annotation)


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _type_name(annotation: Any) -> str:
    """The type as it is written, without `None`.

    >>> _type_name(int | None), _type_name(dict[str, str])
    ('int', 'dict[str, str]')
    """
    if _is_union(annotation):
        rest = [it for it in get_args(annotation) if it is not type(None)]
        return " | ".join(_type_name(it) for it in rest)
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def build_column_lineage(
    feature: FeatureDefinition | type[BaseFeature], feature_spec: FeatureSpec | None = None
) -> dg.TableColumnLineage | None:
    """From which columns of its upstreams a feature's columns come; `None` for roots."""
    spec = feature_spec or definition_of(feature).spec
    own = set(class_of(feature).model_fields)
    lineage: dict[str, list[dg.TableColumnDep]] = {}
    for dep in spec.deps:
        upstream = definition_of(dep.feature)
        asset = asset_key_of(upstream.spec)
        for column, source in _columns_of(spec, dep, upstream, own):
            lineage.setdefault(column, []).append(dg.TableColumnDep(asset, source))
    return dg.TableColumnLineage(lineage) if lineage else None


def _columns_of(
    spec: FeatureSpec, dep: FeatureDep, upstream: FeatureDefinition, own: set[str]
) -> list[tuple[str, str]]:
    """Pairs of a column here and the one of the upstream that it comes from."""
    rename = dep.rename or {}
    ids = [(rename.get(name, name), name) for name in upstream.id_columns]
    joined = [pair for pair in ids if pair[0] in _joined(spec, dep)]
    taken = [name for name in upstream.columns if not name.startswith("metaxy_")]
    passed = [(rename.get(name, name), name) for name in taken if name not in upstream.id_columns]
    if dep.select is not None:
        passed = [pair for pair in passed if pair[0] in dep.select]
    return [pair for pair in (*joined, *passed) if pair[0] in own] + list(_VERSIONS)


def _joined(spec: FeatureSpec, dep: FeatureDep) -> Sequence[str]:
    relationship = dep.lineage.relationship
    if isinstance(relationship, (AggregationRelationship, ExpansionRelationship)):
        return [*(relationship.on or ()), *spec.id_columns]
    return spec.id_columns


def attributes_of(spec: FeatureSpec) -> dict[str, Any]:
    """What a feature says about its asset."""
    given = spec.metadata.get(ATTRIBUTES_METADATA_KEY)
    return dict(cast("Mapping[str, Any]", given)) if isinstance(given, Mapping) else {}


def asset_key_of(spec: FeatureSpec) -> dg.AssetKey:
    """The key of a feature's asset: the one it asks for, else its own."""
    given = attributes_of(spec).get("asset_key")
    if given is None:
        return dg.AssetKey(list(spec.key.parts))
    return dg.AssetKey.from_coercible(given)


def build_table_preview_metadata(
    lazy_df: nw.LazyFrame[Any], schema: dg.TableSchema, *, n_rows: int = 5
) -> dg.TableMetadataValue:
    """The last rows as a table. What is nested is shown as JSON, long lists are cut."""
    frame = lazy_df.collect().tail(n_rows)
    records = [
        dg.TableRecord({name: _shown(value) for name, value in row.items()})
        for row in frame.iter_rows(named=True)
    ]
    return dg.MetadataValue.table(records, schema=schema)


def _shown(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping) or _is_list(value):
        return _json(cast("object", value))
    return str(value)


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple)) or hasattr(value, "to_list") or hasattr(value, "tolist")


def _json(value: object) -> str:
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return "{" + ",".join(f"{json.dumps(str(name))}:{_json(it)}" for name, it in items) + "}"
    if _is_list(value):
        for method in ("to_list", "tolist"):
            value = getattr(value, method)() if hasattr(value, method) else value
        listed = [_json(it) for it in cast("Sequence[object]", value)]
        if len(listed) > LONGEST_LIST:
            listed = [listed[0], "..", listed[-1]]
        return f"[{','.join(listed)}]"
    if value is None or isinstance(value, (bool, int, float, str)):
        return json.dumps(value)
    return json.dumps(str(value))
