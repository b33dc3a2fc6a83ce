"""Definitions: from classes, from stores, from other projects."""

import json
import pickle

import pytest
from pydantic import BaseModel, ValidationError

from metalith.definition import (
    ExternalFeatureVersionMismatchError,
    ExternalFeatureVersionMismatchWarning,
    FeatureDefinition,
    NotExternalError,
)
from metalith.feature import BaseFeature
from metalith.keys import FeatureKey, FieldKey
from metalith.spec import FeatureSpec

SPEC = FeatureSpec(key="video/raw", id_columns=["id", "part"], fields=["a", "b/c"])


def test_the_definition_of_a_class() -> None:
    class Video(BaseFeature, spec=SPEC):
        id: str
        part: int

    definition = FeatureDefinition.from_feature_class(Video)
    assert definition.spec is SPEC
    assert definition.key == FeatureKey("video/raw")
    assert definition.table_name == "video__raw"
    assert definition.id_columns == ("id", "part")
    assert definition.feature_schema == Video.model_json_schema()
    assert {"id", "part", "metaxy_provenance"} <= set(definition.columns)
    assert definition.feature_class_path == definition.source == f"{__name__}.Video"
    assert definition.project == Video.metaxy_project()
    assert definition.feature_class() is Video
    assert not definition.is_external
    again = pickle.loads(pickle.dumps(definition))
    assert again == definition
    assert again.feature_class() is None, "a class in a function cannot be found by its path"
    with pytest.raises(NotExternalError, match="`video/raw` is not an external feature"):
        _ = definition.has_provenance_override
    with pytest.raises(ValidationError, match="frozen"):
        definition.project = "other"


def test_the_schema_of_a_class_is_made_when_it_is_asked_for() -> None:
    class Video(BaseFeature, spec=SPEC):
        id: str
        part: "Later"

    definition = FeatureDefinition.from_feature_class(Video)
    same = FeatureDefinition.from_feature_class(Video)

    class Later(BaseModel):
        number: int

    Video.model_rebuild(_types_namespace={"Later": Later})
    assert definition == same
    assert "part" in definition.columns
    dumped = FeatureDefinition.from_feature_class(Video).model_dump()
    assert dumped["feature_schema"] == Video.model_json_schema()
    assert "feature_schema=" in repr(definition)


def test_a_definition_from_a_store() -> None:
    stored = FeatureDefinition.from_stored_data(
        feature_spec=json.dumps(SPEC.to_wire()),
        feature_schema='{"properties": {"id": {}}}',
        feature_class_path="gone.features.Video",
        project="media",
        source="a store",
    )
    assert (stored.spec, stored.columns, stored.source) == (SPEC, ["id"], "a store")
    assert stored.feature_class() is None
    with pytest.raises(ValueError, match="the class of `video/raw` is not loaded"):
        stored.load_input({})


def test_versions_cover_spec_and_columns_but_not_the_project() -> None:
    def version(project: str, **schema: object) -> str:
        return FeatureDefinition(
            spec=SPEC, feature_schema=schema, project=project
        ).feature_definition_version

    assert version("a", x=1) == version("b", x=1) != version("a", x=2)


def test_external_features_say_where_they_come_from() -> None:
    plain = FeatureDefinition.external(spec=SPEC, project="other")
    assert plain.is_external
    assert plain.feature_class_path is None
    assert plain.on_version_mismatch == "warn"
    assert plain.source is not None and plain.source.rpartition(":")[0] == __file__
    assert not plain.has_provenance_override
    with pytest.raises(NotExternalError, match="no versions were given"):
        _ = plain.provenance_by_field_override
    given = FeatureDefinition.external(
        spec=SPEC,
        project="other",
        provenance_by_field={"a": "1", ("b", "c"): "2", FieldKey("d"): "3"},
        on_version_mismatch="error",
        source="the wiki",
    )
    assert given.provenance_by_field_override == {"a": "1", "b/c": "2", "d": "3"}
    assert given.source == "the wiki"


def test_a_stored_version_that_differs() -> None:
    versions = {
        "expected_version": "v1",
        "actual_version": "v2",
        "expected_version_by_field": {"a": "1", "b": "2"},
        "actual_version_by_field": {"a": "1", "b": "3"},
    }
    lenient = FeatureDefinition.external(spec=SPEC, project="other")
    with pytest.warns(ExternalFeatureVersionMismatchWarning, match="Version mismatch.*`b`"):
        lenient.check_version_mismatch(**versions)
    strict = FeatureDefinition.external(spec=SPEC, project="other", on_version_mismatch="error")
    with pytest.raises(ExternalFeatureVersionMismatchError, match="expected v1, got v2"):
        strict.check_version_mismatch(**versions)
    strict.check_version_mismatch(**{**versions, "actual_version": "v1"})
