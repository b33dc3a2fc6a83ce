"""A project with a store in a folder, features that depend on each other, and resources."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import metalith as ml
import metalith.ext.dagster as mld

# Only Dagster loads it.
collect_ignore = ["definitions_of_a_project.py"]


@pytest.fixture(autouse=True)
def graph() -> Iterator[ml.FeatureGraph]:
    with ml.FeatureGraph().use() as graph:
        yield graph


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> Iterator[ml.MetalithConfig]:
    stores: Any = {"dev": {"path": str(tmp_path / "store")}}
    with ml.MetalithConfig(project="media", stores=stores).use() as config:
        yield config


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def resources() -> dict[str, Any]:
    store = mld.MetalithStoreFromConfigResource(name="dev")
    return {
        "store": store,
        "metaxy_store": store,
        "io": mld.MetalithIOManager(store=store),  # pyright: ignore[reportArgumentType]
    }


@pytest.fixture
def store(config: ml.MetalithConfig) -> ml.MetadataStore:
    return config.get_store("dev")


@pytest.fixture
def video() -> type[ml.BaseFeature]:
    class Video(
        ml.BaseFeature,
        spec=ml.FeatureSpec(
            key=["video", "raw"],
            id_columns=["video_id"],
            fields=["frames"],
            metadata={"dagster/attributes": {"group_name": "media", "owners": ["team:video"]}},
        ),
    ):
        """Videos as they come."""

        video_id: str
        path: str | None = None

    return Video


@pytest.fixture
def chunk(video: type[ml.BaseFeature]) -> type[ml.BaseFeature]:
    class Chunk(
        ml.BaseFeature,
        spec=ml.FeatureSpec(
            key=["video", "chunk"],
            id_columns=["chunk_id"],
            fields=["frames"],
            deps=[
                ml.FeatureDep(
                    feature=video,
                    rename={"path": "video_path"},
                    lineage=ml.LineageRelationship.expansion(on=["video_id"]),
                )
            ],
        ),
    ):
        video_id: str
        chunk_id: str
        video_path: str | None = None

    return Chunk


@pytest.fixture
def faces(chunk: type[ml.BaseFeature]) -> type[ml.BaseFeature]:
    class Faces(
        ml.BaseFeature,
        spec=ml.FeatureSpec(
            key=["video", "faces"], id_columns=["chunk_id"], deps=[chunk], fields=["faces"]
        ),
    ):
        chunk_id: str

    return Faces
