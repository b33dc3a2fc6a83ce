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
