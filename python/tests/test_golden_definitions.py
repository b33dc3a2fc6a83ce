"""The definitions of every vector pass through the Python classes and keep their versions."""

import json
from pathlib import Path
from typing import Any

import pytest

from metalith.config import MetalithConfig
from metalith.definition import FeatureDefinition
from metalith.graph import FeatureGraph
from metalith.spec import FeatureSpec

FOLDER = Path(__file__).parents[2] / "crates" / "testkit" / "golden"
CASES = sorted(FOLDER.glob("*.json"))


def definition(feature: dict[str, Any]) -> FeatureDefinition:
    spec = FeatureSpec.model_validate(feature["spec"])
    if feature.get("external"):
        return FeatureDefinition.external(
            spec=spec,
            project=feature["project"],
            provenance_by_field=feature.get("provenance_by_field"),
        )
    return FeatureDefinition(spec=spec, feature_schema={}, project=feature["project"])


def graph_of(features: dict[str, Any]) -> FeatureGraph:
    graph = FeatureGraph()
    for feature in features.values():
        graph.add_feature_definition(definition(feature))
    return graph


def check(features: dict[str, Any], expected: dict[str, Any]) -> None:
    graph = graph_of(features)
    for feature in features.values():
        spec = FeatureSpec.model_validate(feature["spec"])
        assert spec.to_wire() == feature["spec"], "a spec is written as it was read"
        again = FeatureSpec.model_validate_json(spec.model_dump_json())
        assert again == spec
    order = [key.to_string() for key in graph.topological_sort_features()]
    assert order == expected["topological_order"]
    for key, wanted in expected["features"].items():
        plan = graph.get_feature_plan(key)
        assert graph.get_feature_version(key) == wanted["feature_version"], key
        assert graph.get_feature_version_by_field(key) == wanted["field_versions"], key
        assert plan.feature.code_version == wanted["feature_code_version"], key
        assert plan.feature.table_name() == wanted["table_name"]
        assert sorted(plan.input_id_columns) == sorted(wanted["input_id_columns"])
        for field, parents in wanted["parent_fields"].items():
            found = [name.to_string() for name in plan.get_parent_fields_for_field(field)]
            assert found == sorted(parents), f"{key}.{field}"


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_the_definitions_of_a_vector_have_its_versions(file: Path) -> None:
    case = json.loads(file.read_text(encoding="utf-8"))
    with MetalithConfig(hash_truncation_length=case["hash_truncation_length"]).use():
        check(case["features"], case["expected_versions"])
        for alternative in case.get("alt_graphs", {}).values():
            check(alternative["features"], alternative["expected_versions"])


def test_all_vectors_are_there() -> None:
    assert len(CASES) >= 35
