"""From definitions to the engine's graph, which knows every rule."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from metalith.config import hash_length
from metalith.definition import FeatureDefinition
from metalith.spec import FeatureSpec

if TYPE_CHECKING:
    from metalith._metalith import Graph


def compile_definitions(
    definitions: Iterable[FeatureDefinition], length: int | None, *, with_classes: bool = False
) -> "Graph":
    from metalith._metalith import Graph

    given = [it.to_engine(with_class=with_classes) for it in definitions]
    return Graph(json.dumps(given), length)


def compile_plan(feature: FeatureSpec, upstreams: Iterable[FeatureSpec]) -> "Graph":
    """The engine's graph of a feature and its direct upstreams, which are taken as roots."""
    specs = [feature.to_wire(), *(_root(spec) for spec in upstreams)]
    return _compile_wire(specs)


def code_version(spec: FeatureSpec) -> str:
    """The version of a feature's own code, for which no other feature counts."""
    return _compile_wire([_root(spec)]).feature_code_version(spec.key.to_string())


def _root(spec: FeatureSpec) -> dict[str, Any]:
    fields: list[dict[str, Any]] = spec.to_wire()["fields"]
    for field in fields:
        field["deps"] = []
    return {"key": spec.key.to_string(), "id_columns": list(spec.id_columns), "fields": fields}


def _compile_wire(specs: list[dict[str, Any]]) -> "Graph":
    from metalith._metalith import Graph

    return Graph(json.dumps([{"project": "metalith", "spec": it} for it in specs]), hash_length())
