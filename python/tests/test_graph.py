"""The graph: isolation, versions, orders, snapshots."""

import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from metalith.config import MetalithConfig
from metalith.definition import FeatureDefinition
from metalith.errors import GraphError, NotFoundError, UnknownFeatureError
from metalith.feature import BaseFeature
from metalith.fields import (
    FieldDep,
    FieldsMapping,
    FieldsMappingResolutionContext,
    FieldSpec,
)
from metalith.graph import FeatureGraph, MissingFeatureError, current_graph
from metalith.keys import FeatureKey, FieldKey
from metalith.lineage import LineageRelationship
from metalith.plan import FQFieldKey
from metalith.spec import FeatureDep, FeatureSpec


def definition(key: str, *deps: str, project: str = "media") -> FeatureDefinition:
    spec = FeatureSpec(key=key, id_columns=["id"], deps=list(deps), fields=["x"])
    return FeatureDefinition(spec=spec, feature_schema={}, project=project)


def graph_of(*definitions: FeatureDefinition) -> FeatureGraph:
    graph = FeatureGraph()
    for it in definitions:
        graph.add_feature_definition(it)
    return graph


@pytest.fixture
def diamond() -> FeatureGraph:
    return graph_of(
        definition("d", "c", "b"), definition("b", "a"), definition("c", "a"), definition("a")
    )


def keys(*names: str) -> list[FeatureKey]:
    return [FeatureKey(name) for name in names]


def test_contexts_isolate_graphs(graph: FeatureGraph) -> None:
    assert FeatureGraph.get_active() is FeatureGraph.get() is current_graph() is graph
    inner = FeatureGraph()
    with inner.use() as used:
        assert used is inner
        assert FeatureGraph.get_active() is inner

        class Video(BaseFeature, spec=FeatureSpec(key="video", id_columns=["id"])):
            id: str

        other = FeatureGraph()
        FeatureGraph.set_active(other)
        assert FeatureGraph.get_active() is other
    assert FeatureGraph.get_active() is graph
    assert "video" in inner
    assert "video" not in graph
    assert Video.feature_version() == inner.get_feature_version("video")


def test_contexts_isolate_threads() -> None:
    barrier = threading.Barrier(4)

    def work(number: int) -> list[str]:
        with FeatureGraph().use() as graph:
            barrier.wait()
            for step in range(20):
                graph.add_feature_definition(definition(f"f{number}/s{step}"))
            barrier.wait()
            return [str(key) for key in FeatureGraph.get_active().topological_sort_features()]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    assert found == [sorted(f"f{number}/s{step}" for step in range(20)) for number in range(4)]


def test_a_graph_is_compiled_once_by_many_threads_until_it_changes(diamond: FeatureGraph) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: diamond.compiled(), range(32)))
    assert all(it is found[0] for it in found)
    before = diamond.project_version
    diamond.add_feature_definition(definition("e", "d"))
    assert diamond.compiled() is not found[0]
    assert diamond.project_version != before
    diamond.remove_feature("e")
    assert diamond.project_version == diamond.snapshot_version == before


def test_versions_are_cut_as_the_configuration_says(diamond: FeatureGraph) -> None:
    assert len(diamond.get_feature_version("a")) == 64
    with MetalithConfig(hash_truncation_length=12).use():
        assert diamond.hash_length == 12
        assert len(diamond.get_feature_version("a")) == 12
        assert len(diamond.get_field_version(FQFieldKey(feature="a", field="x"))) == 12
    assert len(diamond.get_feature_version("a")) == 64


def test_orders(diamond: FeatureGraph) -> None:
    assert diamond.topological_sort_features() == keys("a", "b", "c", "d")
    assert diamond.topological_sort_features(descending=True) == keys("d", "c", "b", "a")
    assert diamond.topological_sort_features(["c", "a"]) == keys("a", "c")
    assert diamond.topological_sort_features([]) == []
    assert diamond.get_downstream_features(["b"]) == keys("d")
    assert diamond.get_downstream_features(["a"]) == keys("b", "c", "d")
    assert diamond.get_downstream_features(["a", "b"]) == keys("c", "d")
    assert diamond.get_upstream_features(["d"]) == keys("a", "b", "c")
    assert diamond.get_deletion_order("b") == keys("d", "b")
    assert diamond.get_deletion_order("b", include_self=False) == keys("d")
    assert diamond.get_deletion_order("d", direction="upstream")[-1] == FeatureKey("d")
    assert diamond.get_deletion_order("b", direction="both") == keys("a", "b", "c", "d")


def test_what_is_not_there_is_a_key_error_with_a_hint(diamond: FeatureGraph) -> None:
    for asked in (
        lambda: diamond.get_feature_definition("video"),
        lambda: diamond.get_feature_version("video"),
        lambda: diamond.get_feature_plan("video"),
        lambda: diamond.remove_feature("video"),
        lambda: diamond.get_downstream_features(["video"]),
        lambda: diamond.topological_sort_features(["video"]),
        lambda: diamond.get_deletion_order("video"),
    ):
        with pytest.raises(KeyError, match="No feature with key `video` in the graph") as failure:
            asked()
        assert isinstance(failure.value, UnknownFeatureError)
    with pytest.raises(MissingFeatureError, match="hint: did you mean `video/raw`"):
        graph_of(definition("video/raw")).get_feature_definition("vidoe/raw")


def test_a_mistake_in_one_feature_leaves_others_alone(diamond: FeatureGraph) -> None:
    version = diamond.get_feature_version("d")
    diamond.add_feature_definition(definition("broken", "missing"))
    assert diamond.get_feature_version("d") == version
    assert diamond.topological_sort_features(["d", "a"]) == keys("a", "d")
    assert FeatureKey("broken") in diamond.list_features()
    for asked in (diamond.compiled, lambda: diamond.get_feature_plan("broken")):
        with pytest.raises(GraphError, match="missing"):
            asked()


def test_cycles_and_collisions_are_errors() -> None:
    with pytest.raises(GraphError, match=r"a.*b.*a"):
        graph_of(definition("a", "b"), definition("b", "a")).compiled()
    with pytest.raises(GraphError, match="h-x"):
        graph_of(definition("h-x"), definition("h_x")).compiled()


def test_lists_and_projects() -> None:
    graph = graph_of(
        definition("a"), definition("b", "a", project="shop"), definition("c", project="shop")
    )
    assert graph.list_features() == keys("a", "b", "c")
    assert graph.list_features("shop") == keys("b", "c")
    assert graph.list_features(["media", "shop"]) == keys("a", "b", "c")
    with MetalithConfig(project="media").use():
        assert graph.list_features() == keys("a")
        assert graph.list_features(only_current_project=False) == keys("a", "b", "c")
    with pytest.raises(GraphError, match="2 projects: `media`, `shop`"):
        _ = graph.project
    assert graph_of(definition("a")).project == "media"


def test_versions_of_projects() -> None:
    assert FeatureGraph().project_version == "empty"
    mixed = graph_of(definition("a"), definition("b", "a", project="shop"))
    assert mixed.get_project_version("nobody") == "empty"
    assert mixed.get_project_version("media") == graph_of(definition("a")).project_version
    # What one project builds on another's counts, the other's own features do not.
    more = graph_of(
        definition("a"), definition("b", "a", project="shop"), definition("z", project="media")
    )
    assert more.get_project_version("shop") == mixed.get_project_version("shop")
    assert more.get_project_version("media") != mixed.get_project_version("media")


def test_external_features_stand_back() -> None:
    spec = FeatureSpec(key="a", id_columns=["id"], fields=["x"])
    given = FeatureDefinition.external(
        spec=spec, project="other", provenance_by_field={"x": "abc"}, source="a test"
    )
    graph = graph_of(given, definition("b", "a"))
    assert graph.has_external_features
    assert graph.project == "media"
    assert graph.get_feature_version_by_field("a") == {"x": "abc"}
    assert list(graph.to_snapshot()) == ["b"]
    real = definition("a")
    graph.add_feature_definition(real)
    graph.add_feature_definition(given)
    graph.add_feature_definition(given, on_conflict="ignore")
    assert graph.get_feature_definition("a") is real
    assert not graph.has_external_features


def test_definitions_without_a_class_may_come_again_if_they_are_the_same() -> None:
    graph = graph_of(definition("a"), definition("a"))
    with pytest.raises(ValueError, match="already registered"):
        graph.add_feature_definition(definition("a", project="shop"))
    graph.add_feature_definition(definition("a", project="shop"), on_conflict="ignore")
    assert graph.project == "media"


def test_a_plan_knows_parents_and_join_keys() -> None:
    video = FeatureSpec(key="video/raw", id_columns=["video_id"], fields=["audio", "frames"])
    chunk = FeatureSpec(
        key="video/chunk",
        id_columns=["chunk_id"],
        deps=[
            FeatureDep(
                feature=video,
                rename={"video_id": "parent"},
                lineage=LineageRelationship.expansion(on=["parent"]),
            ),
            FeatureDep(feature="speaker", optional=True, fields_mapping=FieldsMapping.none()),
        ],
        fields=[
            "audio",
            FieldSpec(key="all", deps=[FieldDep(feature="video/raw")]),
            FieldSpec(key="one", deps=[FieldDep(feature=video, fields=["frames"])]),
        ],
    )
    speaker = FeatureSpec(key="speaker", id_columns=["parent"])
    graph = graph_of(
        *(
            FeatureDefinition(spec=spec, feature_schema={}, project="media")
            for spec in (video, chunk, speaker)
        )
    )
    plan = graph.get_feature_plan("video/chunk")
    audio, frames = FieldKey("audio"), FieldKey("frames")
    assert plan.feature is chunk
    assert plan.deps == [video, speaker]
    assert {str(it) for it in plan.get_parent_fields_for_field("audio")} == {"video/raw.audio"}
    assert plan.field_dependencies[FieldKey("all")] == {video.key: [audio, frames]}
    assert plan.field_dependencies[FieldKey("one")] == {video.key: [frames]}
    assert plan.parent_fields_by_feature_key == {video.key: {audio, frames}}
    assert plan.parent_fields_by_key[FQFieldKey(feature=video, field="audio")].key == audio
    assert plan.input_id_columns == ["parent"]
    assert plan.upstream_id_columns == ["parent"]
    assert [plan.get_input_id_columns_for_dep(dep) for dep in chunk.deps] == [["parent"]] * 2
    assert [it.feature for it in plan.required_deps] == [video.key]
    assert [it.feature for it in plan.optional_deps] == [speaker.key]
    with pytest.raises(NotFoundError, match="`video/chunk` has no field `colour`"):
        plan.get_parent_fields_for_field("colour")
    root = graph.get_feature_plan("speaker")
    assert (root.deps, root.input_id_columns, root.field_dependencies) == (
        None,
        [],
        {FieldKey("default"): {}},
    )


@pytest.mark.parametrize(
    ("mapping", "field", "parents"),
    [
        (FieldsMapping.default(), "audio", {"audio"}),
        (FieldsMapping.default(), "text", {"audio", "video/frames"}),
        (FieldsMapping.default(match_suffix=True), "frames", {"video/frames"}),
        (FieldsMapping.default(exclude_fields=["audio"]), "text", {"video/frames"}),
        (FieldsMapping.specific({"text": {"audio"}}), "text", {"audio"}),
        (FieldsMapping.all(), "audio", {"audio", "video/frames"}),
        (FieldsMapping.none(), "audio", set[str]()),
    ],
)
def test_fields_mappings(mapping: FieldsMapping, field: str, parents: set[str]) -> None:
    upstream = FeatureSpec(key="raw", id_columns=["id"], fields=["audio", "video/frames"])
    context = FieldsMappingResolutionContext(field_key=FieldKey(field), upstream_feature=upstream)
    assert {str(it) for it in mapping.resolve_field_deps(context)} == parents


def test_qualified_names_of_fields() -> None:
    name = FQFieldKey(feature="video/raw", field="audio/french")
    assert name.to_string() == str(name) == repr(name) == "video/raw.audio/french"
    assert FQFieldKey.parse("video/raw.audio/french") == name
    assert len({name, FQFieldKey.parse(str(name))}) == 1
    assert name > FQFieldKey(feature="video/raw", field="a")


def test_a_snapshot_is_the_graph(diamond: FeatureGraph) -> None:
    class Video(BaseFeature, spec=FeatureSpec(key="video", id_columns=["id"])):
        id: str

    diamond.add_feature(Video)
    snapshot = json.loads(json.dumps(diamond.to_snapshot()))
    assert list(snapshot) == ["a", "b", "c", "d", "video"]
    assert snapshot["video"]["feature_class_path"] == f"{__name__}.Video"
    assert snapshot["video"]["metaxy_feature_version"] == diamond.get_feature_version("video")
    again = FeatureGraph.from_snapshot(snapshot)
    assert again.to_snapshot() == snapshot
    assert again.project_version == diamond.project_version
    assert list(diamond.to_snapshot(project="media")) == ["a", "b", "c", "d"]


def test_the_engines_snapshot_is_read_too(diamond: FeatureGraph) -> None:
    spec = FeatureSpec(key="far", id_columns=["id"], fields=["x"])
    diamond.add_feature_definition(
        FeatureDefinition.external(spec=spec, project="other", provenance_by_field={"x": "v"})
    )
    again = FeatureGraph.from_snapshot(diamond.compiled().to_snapshot())
    assert again.compiled().to_snapshot() == diamond.compiled().to_snapshot()
    with pytest.raises(ValueError, match="`a` of the snapshot has no `feature_spec`"):
        FeatureGraph.from_snapshot({"a": {}})


def test_a_graph_travels_between_processes(diamond: FeatureGraph) -> None:
    class Video(BaseFeature, spec=FeatureSpec(key="video", id_columns=["id"])):
        id: str

    diamond.add_feature(Video)
    again = pickle.loads(pickle.dumps(diamond))
    assert again.project_version == diamond.project_version
    assert len(again) == 5


def test_an_empty_graph_is_active_as_any_other() -> None:
    with FeatureGraph().use() as empty:
        assert FeatureGraph.get_active() is empty
