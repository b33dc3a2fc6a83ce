"""What Metaxy does in `test_peer.py`, in an environment of its own.

python peer_side.py write STORE     makes a store with videos and worked-off crops
python peer_side.py resolve STORE   prints the increment of the crops as JSON
python peer_side.py push STORE      records its graph as that of the project `peer`
python peer_side.py graphs STORE    prints what is on record as JSON
python peer_side.py lock STORE      writes a lock file beside the store, with `ours/clip`
python peer_side.py locked STORE    prints the versions that a lock file beside the store leads to
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

import metaxy as mx  # noqa: E402
import polars as pl  # noqa: E402
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore  # noqa: E402
from metaxy.metadata_store.system import SystemTableStorage  # noqa: E402
from metaxy.utils.lock_file import LockFile, generate_lock_file  # noqa: E402


class Video(mx.BaseFeature, spec=mx.FeatureSpec(key="video/raw", id_columns=["id"])):
    __metaxy_project__ = "peer"
    id: str


class Crop(mx.BaseFeature, spec=mx.FeatureSpec(key="video/crop", id_columns=["id"], deps=[Video])):
    __metaxy_project__ = "peer"
    id: str


def push(store: Any, path: Path) -> Any:
    with store.open("w"):
        done = SystemTableStorage(store).push_graph_snapshot(project="peer")
        again = SystemTableStorage(store).push_graph_snapshot(project="peer")
    assert again.already_pushed
    return {"version": done.project_version, "crop": Crop.feature_version()}


def graphs(store: Any, path: Path) -> Any:
    found = {}
    with store:
        storage = SystemTableStorage(store)
        for snapshot in storage.read_graph_snapshots().iter_rows(named=True):
            version = snapshot["metaxy_project_version"]
            graph = storage.load_graph_from_snapshot(version)
            rows = storage.read_features(current=False, project_version=version)
            features = {}
            for row in rows.iter_rows(named=True):
                definition = graph.get_feature_definition(row["feature_key"])
                assert definition.feature_definition_version == row["metaxy_definition_version"]
                assert graph.get_feature_version(definition.key) == row["metaxy_feature_version"]
                features[row["feature_key"]] = {
                    "class": definition.feature_class_path,
                    "columns": [it for it in definition.columns if "metaxy" not in it],
                    "description": definition.spec.description,
                    "project": definition.project,
                }
            found[version] = features
    return found


def lock(store: Any, path: Path) -> Any:
    with mx.FeatureGraph().use():
        spec = mx.FeatureSpec(key="theirs", id_columns=["id"], deps=["ours/clip"])
        type("Theirs", (mx.BaseFeature,), {"__annotations__": {"id": str}}, spec=spec)
        return [it.key for it in generate_lock_file(store, path).added]


def locked(store: Any, path: Path) -> Any:
    features = LockFile.from_toml(path.read_text()).features
    with mx.FeatureGraph().use() as graph:
        for it in features.values():
            graph.add_feature_definition(it.data)
        versions = {}
        for key, it in features.items():
            assert it.data.feature_definition_version == it.info.definition_version
            assert graph.get_feature_version(key) == it.info.version
            versions[key] = it.info.version
        return versions


GRAPHS = {"push": push, "graphs": graphs, "lock": lock, "locked": locked}


def main() -> None:
    work, place = sys.argv[1:]
    store = DeltaMetadataStore(place)
    if work == "write":
        rows = {
            "id": ["a", "b"],
            "metaxy_provenance_by_field": [{"default": "1"}, {"default": "2"}],
        }
        with store.open("w"):
            store.write(Video, pl.DataFrame(rows))
            store.write(Crop, store.resolve_update(Crop).new)
        return
    if work in GRAPHS:
        print(json.dumps(GRAPHS[work](store, Path(place).with_name("metaxy.lock"))))
        return
    with store:
        found = store.resolve_update(Crop).to_polars()
        read = store.read(Video).collect().to_polars()
    shown = {name: sorted(frame["id"].to_list()) for name, frame in found._asdict().items()}
    shown["videos"] = sorted(read["id"].to_list())
    print(json.dumps(shown))


if __name__ == "__main__":
    main()
