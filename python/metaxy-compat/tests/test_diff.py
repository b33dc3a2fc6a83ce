"""Graphs, compared."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import metaxy as mx
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore
from metaxy.graph.diff.diff_models import GraphDiff
from metaxy.graph.diff.differ import GraphDiffer, SnapshotResolver
from metaxy.graph.diff.rendering.formatter import DiffFormatter


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
