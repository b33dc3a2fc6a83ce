"""What there is to say about a graph."""

from collections.abc import Callable
from typing import Any

from metalith.graph import FeatureGraph
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key

Tree = dict[str, Any]


def describe_graph(graph: FeatureGraph, project: str | None = None) -> Tree:
    """Counts, depth, roots, leaves and projects: of the whole graph, or of a project's features.

    >>> describe_graph(FeatureGraph())["total_features"]
    0
    """
    definitions = graph.feature_definitions_by_key
    shown = {key: it for key, it in definitions.items() if project in (None, it.project)}
    depths: dict[FeatureKey, int] = {}
    for key in graph.topological_sort_features():
        above = (depths.get(dep.feature, 0) for dep in definitions[key].spec.deps)
        depths[key] = 1 + max(above, default=0)
    used = {dep.feature for it in definitions.values() for dep in it.spec.deps}
    projects: dict[str, int] = {}
    for it in definitions.values():
        projects[it.project] = projects.get(it.project, 0) + 1
    found: Tree = {
        "metaxy_project_version": graph.project_version,
        "total_features": len(definitions),
        "graph_depth": max((depths[key] for key in shown), default=0),
        "root_features": sorted(str(key) for key, it in shown.items() if not it.spec.deps),
        "leaf_features": sorted(str(key) for key in shown if key not in used),
        "projects": projects,
    }
    if project is not None:
        found.update(filtered_features=len(shown), filter_project=project)
    return found


def get_feature_dependencies(
    graph: FeatureGraph,
    feature_key: CoercibleToFeatureKey,
    recursive: bool = False,
    max_depth: int | None = None,
) -> Tree:
    """What a feature is computed from: its upstreams, and with `recursive` theirs."""
    definitions = graph.feature_definitions_by_key

    def upstreams(key: FeatureKey) -> list[FeatureKey]:
        found = definitions.get(key)
        return [] if found is None else [dep.feature for dep in found.spec.deps]

    return _tree(graph, feature_key, upstreams, "dependencies", max_depth if recursive else 1)


def get_feature_dependents(
    graph: FeatureGraph,
    feature_key: CoercibleToFeatureKey,
    recursive: bool = False,
    max_depth: int | None = None,
) -> Tree:
    """What is computed from a feature, and with `recursive` what is computed from that."""
    definitions = graph.feature_definitions_by_key

    def downstreams(key: FeatureKey) -> list[FeatureKey]:
        return sorted(it.key for it in definitions.values() if key in it.spec.deps_by_key)

    return _tree(graph, feature_key, downstreams, "dependents", max_depth if recursive else 1)


def _tree(
    graph: FeatureGraph,
    feature: CoercibleToFeatureKey,
    neighbours: Callable[[FeatureKey], list[FeatureKey]],
    name: str,
    depth: int | None,
) -> Tree:
    key = graph.get_feature_definition(coerce_to_feature_key(feature)).key

    def below(key: FeatureKey, left: int | None, path: tuple[FeatureKey, ...]) -> Tree:
        found = neighbours(key)
        if key in path:
            return {"feature": str(key), "circular": True}
        if left == 0:
            return {"feature": str(key), **({"truncated": True} if found else {})}
        after = None if left is None else left - 1
        return {"feature": str(key), name: [below(it, after, (*path, key)) for it in found]}

    return below(key, depth, ())
