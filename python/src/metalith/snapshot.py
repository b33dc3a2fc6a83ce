"""Features as plain JSON values, and back."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from typing_extensions import TypedDict

from metalith.definition import FeatureDefinition
from metalith.errors import InvalidError
from metalith.spec import FeatureSpec


class SerializedFeature(TypedDict, total=False):
    """A feature of a snapshot."""

    feature_spec: dict[str, Any]
    feature_schema: dict[str, Any]
    metaxy_feature_version: str
    metaxy_definition_version: str
    feature_class_path: str | None
    project: str


def serialized(definition: FeatureDefinition, version: str) -> SerializedFeature:
    """A feature as a snapshot has it."""
    return {
        "feature_spec": definition.spec.to_wire(),
        "feature_schema": definition.feature_schema,
        "metaxy_feature_version": version,
        "metaxy_definition_version": definition.feature_definition_version,
        "feature_class_path": definition.feature_class_path,
        "project": definition.project,
    }


def definitions_in(snapshot: Mapping[str, Any] | str) -> Iterator[FeatureDefinition]:
    """The features of a snapshot: one by key, or the engine's, which lists them."""
    if isinstance(snapshot, str):
        snapshot = cast("Mapping[str, Any]", json.loads(snapshot))
    listed = snapshot.get("features")
    if isinstance(listed, list) and "snapshot_version" in snapshot:
        yield from map(_from_engine, cast("list[dict[str, Any]]", listed))
        return
    for key, feature in cast("Iterable[tuple[str, Mapping[str, Any]]]", snapshot.items()):
        if "feature_spec" not in feature:
            raise InvalidError(f"`{key}` of the snapshot has no `feature_spec`")
        yield FeatureDefinition.from_stored_data(
            feature_spec=feature["feature_spec"],
            feature_schema=feature.get("feature_schema") or {},
            feature_class_path=feature.get("feature_class_path"),
            project=feature.get("project") or "default",
        )


def _from_engine(feature: dict[str, Any]) -> FeatureDefinition:
    spec = FeatureSpec.model_validate(feature["spec"])
    external = feature.get("external")
    if external is None:
        return FeatureDefinition(spec=spec, feature_schema={}, project=feature["project"])
    return FeatureDefinition.external(
        spec=spec,
        project=feature["project"],
        provenance_by_field=external.get("provenance_by_field") or None,
        source=external.get("source"),
    )
