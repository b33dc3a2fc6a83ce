"""The lock file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import metalith as ml
from metalith._settings import InvalidConfigError
from metalith.errors import CorruptError, FeatureNotFoundError


@pytest.fixture
def store(tmp_path: Path) -> ml.MetadataStore:
    return ml.DeltaMetadataStore(tmp_path / "store")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metaxy.lock"


@pytest.fixture(autouse=True)
def graph() -> Iterator[ml.FeatureGraph]:
    """Our project: faces in another project's chunks."""
    with ml.FeatureGraph().use() as graph:

        class Face(
            ml.BaseFeature, spec=ml.FeatureSpec(key="face", id_columns=["id"], deps=["chunk"])
        ):
            __metalith_project__ = "faces"
            id: str

        yield graph


def push(store: ml.MetadataStore, **about_video: str) -> None:
    """What the other project records."""
    code_version = about_video.pop("code_version", "1")
    fields = [ml.FieldSpec(key="frames", code_version=code_version)]
    spec = ml.FeatureSpec(
        key="video", id_columns=["id"], fields=fields, metadata={"rate": [1, 2.5]}, **about_video
    )
    with ml.FeatureGraph().use(), store.open("write"):

        class Video(ml.BaseFeature, spec=spec):
            __metalith_project__ = "media"
            id: str
            title: str | None = None

        class Chunk(
            ml.BaseFeature, spec=ml.FeatureSpec(key="chunk", id_columns=["id"], deps=[Video])
        ):
            __metalith_project__ = "media"
            id: str

        class Else(ml.BaseFeature, spec=ml.FeatureSpec(key="else", id_columns=["id"])):
            __metalith_project__ = "media"
            id: str

        store.push_graph("media")


def test_it_has_what_the_graph_needs_of_others(
    store: ml.MetadataStore, path: Path, graph: ml.FeatureGraph
) -> None:
    push(store)
    done = ml.generate_lock_file(store, path, exclude_project="faces")
    assert [it.key for it in done.added] == ["chunk", "video"]
    assert (done.count, done.changed) == (2, True)


def test_versions_follow_from_it_without_the_store(
    store: ml.MetadataStore, path: Path, graph: ml.FeatureGraph
) -> None:
    push(store)
    ml.generate_lock_file(store, path)
    (chunk, video) = ml.load_lock_file(path)
    assert (str(chunk.key), str(video.key)) == ("chunk", "video")
    assert video.is_external
    assert video.source == "the lock file"
    locked = ml.LockFile.parse(path.read_text()).features["video"]
    assert video.feature_definition_version == locked.info.definition_version
    assert graph.get_feature_version("video") == locked.info.version
    ours = graph.get_feature_version("face")
    with ml.FeatureGraph().use() as other:
        ml.sync_external_features(store, selection=ml.FeatureSelection(all=True))
        other.add_feature_definition(graph.get_feature_definition("face"))
        assert other.get_feature_version("face") == ours


def test_what_changes_is_told(store: ml.MetadataStore, path: Path) -> None:
    push(store)
    ml.generate_lock_file(store, path)
    written = path.stat().st_mtime_ns
    assert not ml.generate_lock_file(store, path).changed
    assert path.stat().st_mtime_ns == written
    push(store, description="films")
    (update,) = ml.generate_lock_file(store, path).updated
    assert (update.key, update.metadata_only) == ("video", True)
    push(store, code_version="2")
    updated = ml.generate_lock_file(store, path).updated
    assert [(it.key, it.metadata_only) for it in updated] == [("chunk", False), ("video", False)]
    with ml.FeatureGraph().use():
        done = ml.generate_lock_file(store, path)
    assert [it.key for it in done.removed] == ["chunk", "video"]
    assert ml.LockFile.parse(path.read_text()).features == {}


def test_a_selection_comes_along(store: ml.MetadataStore, path: Path) -> None:
    push(store)
    done = ml.generate_lock_file(store, path, selection=ml.FeatureSelection(projects=["media"]))
    assert [it.key for it in done.added] == ["chunk", "else", "video"]


def test_what_is_not_on_record_is_named(store: ml.MetadataStore, path: Path) -> None:
    with pytest.raises(
        FeatureNotFoundError, match=r"not found in metadata store .*: `chunk`"
    ) as failure:
        ml.generate_lock_file(store, path)
    assert failure.value.keys == [ml.FeatureKey("chunk")]
    assert not path.exists()
    assert ml.load_lock_file(path) == []


def test_a_record_that_contradicts_itself_is_not_locked(
    store: ml.MetadataStore, path: Path
) -> None:
    push(store)
    with ml.FeatureGraph().use(), store.open("write"):

        class Video(ml.BaseFeature, spec=ml.FeatureSpec(key="video", id_columns=["id"])):
            __metalith_project__ = "films"
            id: str

        store.push_graph("films")
    with pytest.raises(CorruptError, match="`chunk` is recorded as version"):
        ml.generate_lock_file(store, path)


@pytest.mark.parametrize(
    ("text", "message"), [("features = 1", "is no lock file"), ("[features", "is no TOML")]
)
def test_what_is_no_lock_file_is_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(InvalidConfigError, match=message):
        ml.load_lock_file(path)
