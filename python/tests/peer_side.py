"""What Metaxy does in `test_peer.py`, in an environment of its own.

python peer_side.py write STORE     makes a store with videos and worked-off crops
python peer_side.py resolve STORE   prints the increment of the crops as JSON
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import metaxy as mx  # noqa: E402
import polars as pl  # noqa: E402
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore  # noqa: E402


class Video(mx.BaseFeature, spec=mx.FeatureSpec(key="video/raw", id_columns=["id"])):
    id: str


class Crop(mx.BaseFeature, spec=mx.FeatureSpec(key="video/crop", id_columns=["id"], deps=[Video])):
    id: str


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
    with store:
        found = store.resolve_update(Crop).to_polars()
        read = store.read(Video).collect().to_polars()
    shown = {name: sorted(frame["id"].to_list()) for name, frame in found._asdict().items()}
    shown["videos"] = sorted(read["id"].to_list())
    print(json.dumps(shown))


if __name__ == "__main__":
    main()
