"""A graph and a store for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import metalith as ml

# Another interpreter runs it, one that has Metaxy.
collect_ignore = ["peer_side.py"]


@pytest.fixture(autouse=True)
def graph() -> Iterator[ml.FeatureGraph]:
    """Features that a test declares are gone with it."""
    with ml.FeatureGraph().use() as graph:
        yield graph


@pytest.fixture(params=["memory", "delta"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ml.MetadataStore:
    """An empty store, not open."""
    if request.param == "memory":
        return ml.InMemoryMetadataStore()
    return ml.DeltaMetadataStore(tmp_path / "store")
