"""Which fields are computed from which, drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

from metalith.plan import FeaturePlan
from metalith.spec import FeatureSpec

from metaxy.graph.diff.models import GraphData
from metaxy.graph.diff.traversal import GraphWalker
from metaxy.graph.utils import sanitize_mermaid_id

__all__ = ["render_field_deps_mermaid", "resolve_field_dependencies_from_snapshot"]

_BORDER = "stroke:#4C78A8,stroke-width:2px"


def resolve_field_dependencies_from_snapshot(
    graph_snapshot: Mapping[str, Any],
) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Per feature of a snapshot, and per field of it: by upstream, what it is computed from."""
    specs = {
        key: FeatureSpec.model_validate(feature["feature_spec"])
        for key, feature in graph_snapshot.items()
        if feature.get("feature_spec") is not None
    }
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for key, spec in specs.items():
        found[key] = {}
        # Upstreams of other projects may not be in the snapshot.
        deps = [dep for dep in spec.deps if str(dep.feature) in specs]
        if not deps:
            continue
        plan = FeaturePlan(
            feature=spec, deps=[specs[str(dep.feature)] for dep in deps], feature_deps=deps
        )
        for field, upstreams in plan.field_dependencies.items():
            found[key][str(field)] = {
                str(upstream): [str(it) for it in fields] for upstream, fields in upstreams.items()
            }
    return found


def render_field_deps_mermaid(
    graph_snapshot: Mapping[str, Any],
    features: Sequence[str] | None = None,
    direction: str = "TB",
) -> str:
    """A flowchart of Mermaid with a box per feature, and arrows from fields to fields."""
    data = GraphData.from_snapshot(graph_snapshot)
    kept = set(data.nodes) if features is None else set(data.nodes).intersection(features)
    keys = [str(it.key) for it in GraphWalker(data).topological_sort(kept)]
    boxes, arrows, borders = list[str](), list[str](), list[str]()
    lineage = resolve_field_dependencies_from_snapshot(graph_snapshot)
    for key in keys:
        box = sanitize_mermaid_id(key)
        boxes.append(f'    subgraph {box}["{key}"]')
        names = sorted(str(it.key) for it in data.nodes[key].fields)
        boxes += [f'        {_id(key, name)}["{name}"]' for name in names]
        boxes.append("    end")
        borders.append(f"    style {box} {_BORDER}")
        arrows += [
            f"    {_id(upstream, of)} --> {_id(key, name)}"
            for name, upstreams in sorted(lineage.get(key, {}).items())
            for upstream, fields in sorted(upstreams.items())
            if upstream in kept
            for of in sorted(fields)
        ]
    return "\n".join([f"flowchart {direction}", *boxes, *arrows, *borders])


def _id(feature: str, field: str) -> str:
    return sanitize_mermaid_id(f"{feature}_{field}")
