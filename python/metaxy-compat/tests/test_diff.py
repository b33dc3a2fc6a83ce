"""Graphs, compared."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import metaxy as mx
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore
from metaxy.graph import MermaidRenderer
from metaxy.graph.diff import GraphData, GraphWalker, NodeStatus
from metaxy.graph.diff.diff_models import FieldChange, GraphDiff, NodeChange
from metaxy.graph.diff.differ import GraphDiffer, SnapshotResolver
from metaxy.graph.diff.rendering import render_field_deps_mermaid
from metaxy.graph.diff.rendering.field_deps import resolve_field_dependencies_from_snapshot
from metaxy.graph.diff.rendering.formatter import DiffFormatter
from metaxy.utils.exceptions import MetaxyEmptyCodeVersionError


@pytest.fixture(autouse=True)
def project() -> Iterator[None]:
    with mx.MetaxyConfig(project="shop").use():
        yield


def declare(*keys: str, code_version: str = "1", description: str | None = None) -> mx.FeatureGraph:
    """A chain of features; the last one has a version and a description of its own."""
    graph = mx.FeatureGraph()
    with graph.use():
        for before, key in zip(("", *keys), keys, strict=False):
            is_last = key == keys[-1]
            version = code_version if is_last else "1"
            spec = mx.FeatureSpec(
                key=key,
                id_columns=["id"],
                deps=[before] if before else [],
                fields=[mx.FieldSpec(key="frames", code_version=version)],
                description=description if is_last else None,
            )
            type("It", (mx.BaseFeature,), {"__metaxy_project__": "shop"}, spec=spec)
    return graph


def test_recorded_graphs_are_compared(tmp_path: Path) -> None:
    store = DeltaMetadataStore(tmp_path / "store")
    graphs = [
        declare("a/video", "a/crop"),
        declare("a/video", "a/crop", code_version="2"),
        declare("a/video", "a/crop", "face"),
    ]
    versions: list[str] = []
    for graph in graphs:
        with graph.use(), store.open("w"):
            versions.append(mx.SystemTableStorage(store).push_graph_snapshot().project_version)
    resolver, differ = SnapshotResolver(), GraphDiffer()
    assert resolver.resolve_snapshot("latest", store, None) == versions[-1]
    assert resolver.resolve_snapshot("current", None, graphs[0]) == versions[0]
    first, second, third = (differ.load_snapshot_data(store, it) for it in versions)

    (change,) = differ.diff(first, second, *versions[:2]).changed_nodes
    assert change.feature_key == mx.FeatureKey("a/crop") and change.is_changed
    assert [str(it.field_key) for it in change.changed_fields] == ["frames"]
    diff = differ.diff(first, third)
    (added,) = diff.added_nodes
    assert (str(added.feature_key), added.dependencies) == ("face", [mx.FeatureKey("a/crop")])
    assert added.fields[0]["version"] == graphs[2].get_feature_version_by_field("face")["frames"]
    assert [str(it.feature_key) for it in differ.diff(third, first).removed_nodes] == ["face"]
    assert not differ.diff(first, first).has_changes

    merged = differ.create_merged_graph_data(first, third, diff)
    assert {key: it["status"] for key, it in merged["nodes"].items()} == {
        "a/video": "unchanged",
        "a/crop": "unchanged",
        "face": "added",
    }
    near = differ.filter_merged_graph(merged, "a__video", up=0, down=1)
    assert list(near["nodes"]) == ["a/crop", "a/video"]
    assert near["edges"] == [{"from": "a/video", "to": "a/crop"}]
    with pytest.raises(ValueError, match="not found"):
        differ.filter_merged_graph(merged, "nothing")
    with pytest.raises(ValueError, match="Failed to load snapshot"):
        differ.load_snapshot_data(store, "nothing")


def test_a_feature_that_is_only_declared_otherwise_is_different() -> None:
    snapshots = [declare("video", description=it).to_snapshot() for it in ("one", "two")]
    (change,) = GraphDiffer().diff(*snapshots).changed_nodes
    assert change.old_version == change.new_version and not change.is_changed


def test_differences_are_written() -> None:
    before, after = ({"metaxy_feature_version": it, "fields": {"f": it}} for it in "12")
    differ, formatter = GraphDiffer(), DiffFormatter()
    old, new = {"a": before, "b": before}, {"b": after, "c": after}
    diff = differ.diff(old, new, "0123456789", "9876543210")
    assert formatter.format(diff, diff_only=True).splitlines() == [
        "Graph Diff: 01234567… → 98765432…",
        "Added (1):",
        "  + c",
        "Removed (1):",
        "  - a",
        "Changed (1):",
        "  ~ b (1 → 2)",
        "    ~ f (1 → 2)",
    ]
    told = json.loads(formatter.format(diff, format="json", diff_only=True))
    assert (told["added_nodes"], told["removed_nodes"]) == (["c"], ["a"])
    assert told["changed_nodes"][0]["field_changes"][0]["is_changed"]
    merged = differ.create_merged_graph_data(old, new, diff)
    assert formatter.format(merged_data=merged).splitlines()[2:4] == ["~ b", "    ~ f (1 → 2)"]
    assert json.loads(formatter.format(merged_data=merged, format="json"))["edges"] == []
    for given in ({"merged_data": merged}, {"diff": diff}):
        assert ":::added" in formatter.format(format="mermaid", **given)
    with pytest.raises(ValueError, match="Unknown format: invalid"):
        formatter.format(diff, format="invalid")


def test_a_word_that_means_no_graph_is_told(tmp_path: Path) -> None:
    resolve = SnapshotResolver().resolve_snapshot
    assert resolve("0123", None, None) == "0123"
    for word, store, graph, told in [
        ("current", None, mx.FeatureGraph(), "active graph is empty"),
        ("current", None, None, "no active graph"),
        ("latest", None, None, "no metadata store"),
        ("latest", DeltaMetadataStore(tmp_path), None, "No snapshots found"),
    ]:
        with pytest.raises(ValueError, match=told):
            resolve(word, store, graph)
    assert not GraphDiff(from_project_version="1", to_project_version="2").has_changes


def snapshot(graph: mx.FeatureGraph) -> dict[str, dict[str, object]]:
    return {
        key: {**feature, "fields": graph.get_feature_version_by_field(key)}
        for key, feature in graph.to_snapshot().items()
    }


def test_a_graph_is_walked_through() -> None:
    data = GraphData.from_feature_graph(declare("a", "b", "c", "d"))
    walker = GraphWalker(data)
    assert [str(it.key) for it in walker.topological_sort()] == ["a", "b", "c", "d"]
    assert [str(it.key) for it in walker.topological_sort({"d", "b"})] == ["b", "d"]
    assert [str(it.key) for it in walker.bfs_from(mx.FeatureKey("c"), 1)] == ["c", "b"]
    assert walker.bfs_from(mx.FeatureKey("z")) == []
    assert [str(it.key) for it in walker.get_root_nodes()] == ["a"]

    near = walker.extract_subgraph(mx.FeatureKey("c"), up=1, down=0)
    assert set(near.nodes) == {"b", "c"} and len(near.edges) == 1
    assert set(walker.extract_subgraph(mx.FeatureKey("c"), up=0).nodes) == {"c", "d"}
    with pytest.raises(ValueError, match="Feature 'z' not found in graph"):
        walker.extract_subgraph(mx.FeatureKey("z"))


def test_graphs_and_differences_are_plain_data() -> None:
    graph, other = declare("a", "b"), declare("a", "b", "c", code_version="2")
    data = GraphData.from_feature_graph(graph)
    node = data.get_node(mx.FeatureKey("b"))
    assert node is not None and node.project == "shop" and node.fields[0].code_version == "1"
    # Features have no code version of their own.
    with pytest.raises(MetaxyEmptyCodeVersionError, match="`a` has empty code_version"):
        data.to_struct()
    nodes = {key: it.model_copy(update={"code_version": "1"}) for key, it in data.nodes.items()}
    data = data.model_copy(update={"nodes": nodes})
    assert GraphData.from_struct(data.to_struct()) == data
    assert "a" in MermaidRenderer(graph_data=GraphData.from_snapshot(snapshot(graph))).render()

    differ, (old, new) = GraphDiffer(), (snapshot(graph), snapshot(other))
    merged = differ.create_merged_graph_data(new, old, differ.diff(new, old))
    both = GraphData.from_merged_diff(merged)
    assert [str(it.key) for it in both.get_nodes_by_status(NodeStatus.REMOVED)] == ["c"]
    with pytest.raises(ValueError, match="DiffFormatter"):
        MermaidRenderer(graph_data=both).render()

    change = NodeChange(
        feature_key=mx.FeatureKey("b"),
        old_version="1",
        new_version="2",
        old_code_version="1",
        new_code_version="2",
        added_fields=[
            FieldChange(field_key=mx.FieldKey("new"), new_version="1", new_code_version="1")
        ],
    )
    diff = GraphDiff(from_project_version="1", to_project_version="2", changed_nodes=[change])
    assert GraphDiff.from_struct(diff.to_struct(), "1", "2") == diff


def test_fields_are_drawn_with_what_they_are_computed_from() -> None:
    found = snapshot(declare("a/video", "a/crop", "face"))
    lineage = resolve_field_dependencies_from_snapshot(found)
    assert lineage["a/video"] == {}
    assert lineage["face"] == {"frames": {"a/crop": ["frames"]}}
    drawn = render_field_deps_mermaid(found, features=["a/video", "a/crop"], direction="LR")
    assert drawn.splitlines() == [
        "flowchart LR",
        '    subgraph a_video["a/video"]',
        '        a_video_frames["frames"]',
        "    end",
        '    subgraph a_crop["a/crop"]',
        '        a_crop_frames["frames"]',
        "    end",
        "    a_video_frames --> a_crop_frames",
        "    style a_video stroke:#4C78A8,stroke-width:2px",
        "    style a_crop stroke:#4C78A8,stroke-width:2px",
    ]
