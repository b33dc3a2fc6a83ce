"""A graph and a store for each test."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import databases
import pytest

import metalith as ml

# Another interpreter runs it, one that has Metaxy.
collect_ignore = ["peer_side.py"]


@pytest.fixture(autouse=True)
def graph() -> Iterator[ml.FeatureGraph]:
    """Features that a test declares are gone with it."""
    with ml.FeatureGraph().use() as graph:
        yield graph


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server."""
    with databases.postgresql() as address:
        yield address


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages that have drivers are found, as if they were installed."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(databases.packages())])


@pytest.fixture(params=["memory", "delta", "duckdb", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ml.MetadataStore:
    """An empty store, not open."""
    kinds: dict[str, Callable[[], ml.MetadataStore]] = {
        "memory": ml.InMemoryMetadataStore,
        "delta": lambda: ml.DeltaMetadataStore(tmp_path / "store"),
        "duckdb": lambda: ml.DuckDBMetadataStore(tmp_path / "store.duckdb"),
        "sqlite": lambda: ml.SQLiteMetadataStore(tmp_path / "store.sqlite"),
        "postgresql": lambda: ml.PostgreSQLMetadataStore(
            request.getfixturevalue("postgresql"), options={"schema": uuid4().hex}
        ),
    }
    if request.param in ("sqlite", "postgresql"):
        request.getfixturevalue("drivers")
    return kinds[request.param]()
