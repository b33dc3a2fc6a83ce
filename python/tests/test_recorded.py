"""Definitions that other projects have recorded."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import metalith as ml
from metalith.definition import (
    ExternalFeatureVersionMismatchError,
    ExternalFeatureVersionMismatchWarning,
)
from metalith.recorded import InvalidStoredFeatureWarning, UnresolvedExternalFeatureWarning


@pytest.fixture(params=["memory", "delta"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ml.MetadataStore:
    if request.param == "memory":
        return ml.InMemoryMetadataStore()
    return ml.DeltaMetadataStore(tmp_path / "store")


@pytest.fixture(autouse=True)
def graph() -> Iterator[ml.FeatureGraph]:
    with ml.FeatureGraph().use() as graph:
        yield graph


def video(code_version: str = "1") -> type[ml.BaseFeature]:
    frames = ml.FieldSpec(key="frames", code_version=code_version)
    spec = ml.FeatureSpec(key="video", id_columns=["id"], fields=[frames])

    class Video(ml.BaseFeature, spec=spec):
        """A film, as it was uploaded."""

        __metalith_project__ = "media"
        id: str
        length: int | None = None

    class Chunk(ml.BaseFeature, spec=ml.FeatureSpec(key="chunk", id_columns=["id"], deps=[Video])):
        __metalith_project__ = "media"
        id: str

    return Video


@pytest.fixture
def recorded(store: ml.MetadataStore) -> type[ml.BaseFeature]:
    """What the other project has recorded, and written."""
    with ml.FeatureGraph().use(), store.open("write"):
        found = video("2")
        store.push_graph("media")
        rows = {"id": ["a"], "metaxy_provenance_by_field": [{"frames": "1"}]}
        store.write(found, pl.DataFrame(rows))
        return found


def declared(**options: object) -> ml.FeatureDefinition:
    """What is known of it here: its key, and an older idea of its field."""
    spec = ml.FeatureSpec(key="video", id_columns=["id"], fields=["frames"])
    definition = ml.FeatureDefinition.external(spec=spec, project="media", **options)  # pyright: ignore[reportArgumentType]
    ml.FeatureGraph.get_active().add_feature_definition(definition)
    return definition


def test_what_is_declared_as_external_becomes_what_is_recorded(
    store: ml.MetadataStore, recorded: type[ml.BaseFeature], graph: ml.FeatureGraph
) -> None:
    declared()
    with pytest.warns(ExternalFeatureVersionMismatchWarning, match="field `frames`") as told:
        (found,) = ml.sync_external_features(store)
    assert len(told) == 1
    assert (found.project, found.columns[-1]) == ("media", "length")
    assert not graph.has_external_features
    assert graph.get_feature_version("video") == recorded.feature_version()
    assert ml.sync_external_features(store) == []


def test_a_mismatch_can_be_an_error(
    store: ml.MetadataStore, recorded: type[ml.BaseFeature]
) -> None:
    with ml.FeatureGraph().use():
        declared(on_version_mismatch="error")
        with pytest.raises(ExternalFeatureVersionMismatchError, match="video"):
            ml.sync_external_features(store)
    with ml.FeatureGraph().use():
        declared()
        with pytest.raises(ExternalFeatureVersionMismatchError):
            ml.sync_external_features(store, on_version_mismatch="error")
    locked = ml.MetalithConfig(locked=True)
    with ml.FeatureGraph().use(), locked.use():
        declared()
        with pytest.raises(ExternalFeatureVersionMismatchError):
            ml.sync_external_features(store, on_version_mismatch="warn")


def test_a_selection_comes_with_what_it_depends_on(
    store: ml.MetadataStore, recorded: type[ml.BaseFeature], graph: ml.FeatureGraph
) -> None:
    selection = ml.FeatureSelection(keys=["chunk"])
    found = ml.sync_external_features(store, selection=selection)
    assert [str(it.key) for it in found] == ["chunk", "video"]
    assert "length" in graph.get_feature_definition("video").columns
    assert ml.sync_external_features(store, selection=ml.FeatureSelection(projects=["else"])) == []


def test_what_is_not_on_record_stays_and_is_told(
    store: ml.MetadataStore, graph: ml.FeatureGraph
) -> None:
    declared()
    with pytest.warns(UnresolvedExternalFeatureWarning, match="`video` not on record"):
        assert ml.sync_external_features(store) == []
    assert graph.has_external_features


def test_reading_looks_for_them_where_the_configuration_says_so(
    store: ml.MetadataStore, recorded: type[ml.BaseFeature], graph: ml.FeatureGraph
) -> None:
    declared()
    with store:
        assert len(store.read("video").collect()) == 0, "of the version that is declared here"
        with (
            ml.MetalithConfig(sync=True).use(),
            pytest.warns(ExternalFeatureVersionMismatchWarning),
        ):
            assert len(store.read("video").collect()) == 1
    assert not graph.has_external_features


def test_a_push_records_ones_own_features_alone(
    store: ml.MetadataStore, recorded: type[ml.BaseFeature], graph: ml.FeatureGraph
) -> None:
    class Face(ml.BaseFeature, spec=ml.FeatureSpec(key="face", id_columns=["id"], deps=["video"])):
        __metalith_project__ = "faces"
        id: str

    ml.sync_external_features(store, selection=ml.FeatureSelection(keys=["video"]))
    with store.open("write"):
        version, features = store.push_graph("faces")
        assert [str(it) for it in features] == ["face"]
        assert version == graph.get_project_version("faces")
        assert store.push_graph("faces") == (version, [])
    projects = {str(it.key): it.project for it in store.recorded_features()}
    assert projects == {"chunk": "media", "face": "faces", "video": "media"}


def test_a_class_is_on_record_as_it_is(store: ml.MetadataStore) -> None:
    with store.open("write"):
        Video = video()
        store.push_graph("media")
    found = next(it for it in store.recorded_features() if str(it.key) == "video")
    declared = ml.FeatureDefinition.from_feature_class(Video)
    assert found.feature_schema == Video.model_json_schema()
    assert found.feature_class_path == declared.feature_class_path
    assert found.spec.description == "A film, as it was uploaded."
    assert found.feature_definition_version == declared.feature_definition_version


def test_a_record_that_cannot_be_read_is_left_out(
    tmp_path: Path, recorded: type[ml.BaseFeature]
) -> None:
    store = ml.DeltaMetadataStore(tmp_path / "other")
    with ml.FeatureGraph().use(), store.open("write"):
        video()
        store.push_graph("media")
    table = tmp_path / "other/metaxy-system/feature_versions.delta"
    rows = pl.read_delta(str(table))
    broken = rows.filter(pl.col("feature_key") == "video")
    spec = json.dumps({"key": "video"})
    later = pl.col("recorded_at") + pl.duration(days=1)
    broken = broken.with_columns(pl.lit(spec).alias("feature_spec"), later)
    broken.write_delta(str(table), mode="append")
    with pytest.warns(InvalidStoredFeatureWarning, match="`video` is left out"):
        assert [str(it.key) for it in store.recorded_features()] == ["chunk"]
