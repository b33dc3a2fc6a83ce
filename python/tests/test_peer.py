"""Metaxy 0.1.10 itself, on the same store, both ways."""

import json
import os
import subprocess
from pathlib import Path

import polars as pl

import metalith as ml

SCRIPT = Path(__file__).with_name("peer_side.py")


def peer(work: str, store: Path) -> str:
    """Runs Metaxy's side. The test command says which interpreter has it."""
    python = os.environ["METALITH_PEER_PYTHON"]
    command = [python, str(SCRIPT), work, str(store)]
    environment = {key: it for key, it in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def declare() -> tuple[type[ml.BaseFeature], type[ml.BaseFeature]]:
    """The same features as Metaxy's side has."""

    class Video(ml.BaseFeature, spec=ml.FeatureSpec(key="video/raw", id_columns=["id"])):
        id: str

    class Crop(
        ml.BaseFeature, spec=ml.FeatureSpec(key="video/crop", id_columns=["id"], deps=[Video])
    ):
        id: str

    return Video, Crop


def sizes(found: ml.Increment) -> list[int]:
    return [len(frame) for frame in found]


def test_a_store_goes_to_and_fro(tmp_path: Path) -> None:
    place = tmp_path / "store"
    peer("write", place)
    with ml.MetalithConfig(hash_truncation_length=8).use():
        Video, Crop = declare()
        store = ml.DeltaMetadataStore(place, hash_algorithm="xxhash32")
        with store.open("write"):
            assert sizes(store.resolve_update(Crop)) == [0, 0, 0]
            rows = {
                "id": ["b", "c"],
                "metaxy_provenance_by_field": [{"default": "changed"}, {"default": "3"}],
            }
            store.write(Video, pl.DataFrame(rows))
            store.delete(Video, "id = 'a'")
            assert sizes(store.resolve_update(Crop)) == [1, 1, 1]
        found = json.loads(peer("resolve", place))
        assert found == {"new": ["c"], "stale": ["b"], "orphaned": ["a"], "videos": ["b", "c"]}
        with store.open("write"):
            done = store.resolve_update(Crop)
            store.write(Crop, done.new)
            store.write(Crop, done.stale)
            store.delete(Crop, "id = 'a'")
        found = json.loads(peer("resolve", place))
        assert found == {"new": [], "stale": [], "orphaned": [], "videos": ["b", "c"]}


def clips() -> type[ml.BaseFeature]:
    class Clip(ml.BaseFeature, spec=ml.FeatureSpec(key="ours/clip", id_columns=["id"])):
        """Clips, "quoted", of Zürich."""

        __metalith_project__ = "ours"
        id: str
        seconds: float | None = 1.5

    return Clip


def test_recorded_graphs_go_to_and_fro(tmp_path: Path) -> None:
    place = tmp_path / "store"
    theirs = json.loads(peer("push", place))
    with ml.MetalithConfig(hash_truncation_length=8).use(), ml.FeatureGraph().use():
        Clip = clips()
        store = ml.DeltaMetadataStore(place, hash_algorithm="xxhash32")
        with store.open("write"):
            version, features = store.push_graph("ours")
            assert store.push_graph("ours") == (version, [])
        assert features == [Clip.spec().key]
        seen = json.loads(peer("graphs", place))
        assert list(seen) == [version, theirs["version"]], "the newest first"
        (clip,) = seen[version].values()
        assert clip == {
            "class": f"{__name__}.Clip",
            "columns": ["id", "seconds"],
            "description": 'Clips, "quoted", of Zürich.',
            "project": "ours",
        }
        # It writes to the table that has our rows.
        assert json.loads(peer("push", place)) == theirs
    with ml.MetalithConfig(hash_truncation_length=8).use(), ml.FeatureGraph().use() as graph:
        selection = ml.FeatureSelection(projects=["peer"])
        assert [str(it) for it in graph.list_features()] == []
        found = ml.sync_external_features(store, selection=selection)
        assert {str(it.key): it.project for it in found} == dict.fromkeys(
            ["video/crop", "video/raw"], "peer"
        )
        assert graph.get_feature_version("video/crop") == theirs["crop"]
        definition = graph.get_feature_definition("video/raw")
        assert definition.feature_class_path == "__main__.Video"


def test_lock_files_go_to_and_fro(tmp_path: Path) -> None:
    place, path = tmp_path / "store", tmp_path / "metaxy.lock"
    with ml.MetalithConfig(hash_truncation_length=8).use():
        store = ml.DeltaMetadataStore(place, hash_algorithm="xxhash32")
        with ml.FeatureGraph().use(), store.open("write"):
            Clip = clips()
            store.push_graph("ours")
            version = Clip.feature_version()
        assert json.loads(peer("lock", place)) == ["ours/clip"]
        with ml.FeatureGraph().use() as graph:
            (clip,) = ml.load_lock_file(path)
            assert (clip.project, graph.get_feature_version("ours/clip")) == ("ours", version)
            assert clip.spec.description == 'Clips, "quoted", of Zürich.'
        path.unlink()
        with ml.FeatureGraph().use():
            spec = ml.FeatureSpec(key="theirs", id_columns=["id"], deps=["ours/clip"])

            class Theirs(ml.BaseFeature, spec=spec):
                id: str

            ml.generate_lock_file(store, path)
        assert json.loads(peer("locked", place)) == {"ours/clip": version}
