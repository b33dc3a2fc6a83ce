"""Loading the modules in which a project's features are."""

import importlib
import sys
from pathlib import Path

import pytest

from metalith.config import MetalithConfig
from metalith.entrypoints import (
    EntrypointLoadError,
    find_entrypoints,
    init,
    load_env_entrypoints,
    load_features,
    load_module_entrypoint,
    load_package_entrypoints,
)
from metalith.graph import FeatureGraph

MODULE = """
import metalith as ml

class Feature(ml.BaseFeature, spec=ml.FeatureSpec(key="{key}", id_columns=["id"])):
    id: str
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Modules `epa`, `epb` and `epc`, each with a feature of its name."""
    for name in ("epa", "epb", "epc"):
        (tmp_path / f"{name}.py").write_text(MODULE.format(key=name))
    (tmp_path / "broken.py").write_text("raise RuntimeError('no luck')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("metalith.config._active.everywhere", None)
    for name in ("epa", "epb", "epc", "broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def names(graph: FeatureGraph) -> list[str]:
    return [str(key) for key in graph.feature_definitions_by_key]


def install(folder: Path, name: str, text: str, requires: str = "") -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}")
    (info / "entry_points.txt").write_text(f"[metalith.project]\n{text}\n")
    importlib.invalidate_caches()


def test_init_reads_the_configuration_and_loads_what_it_names(
    project: Path, graph: FeatureGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "metalith.toml").write_text('project = "media"\nentrypoints = ["epa"]')
    install(project, "shop", "features = epb")
    monkeypatch.setenv("METALITH_ENTRYPOINT_MORE", "epc")
    assert find_entrypoints() == ["epa", "epb", "epc"]
    config = init()
    assert config.project == "media"
    assert MetalithConfig.get() is config
    assert names(graph) == ["epa", "epb", "epc"]


def test_init_with_a_configuration(graph: FeatureGraph) -> None:
    given = MetalithConfig(entrypoints=["epb"])
    assert init(given) is given
    assert MetalithConfig.get() is given
    assert names(graph) == ["epb"]


def test_a_project_may_keep_to_what_it_requires(project: Path, graph: FeatureGraph) -> None:
    install(project, "media", "a = epa", "Requires-Dist: lib-b>=1\n")
    install(project, "Lib_B", "b = epb")
    install(project, "stranger", "c = epc")
    load_package_entrypoints(filter_project="media")
    assert names(graph) == ["epa", "epb"]


def test_modules_may_go_to_another_graph(graph: FeatureGraph) -> None:
    other = FeatureGraph()
    load_module_entrypoint("epa", graph=other)
    assert (names(other), names(graph)) == (["epa"], [])


def test_variables_list_modules(monkeypatch: pytest.MonkeyPatch, graph: FeatureGraph) -> None:
    monkeypatch.setenv("METALITH_ENTRYPOINT", "epb, epa")
    monkeypatch.setenv("METALITH_ENTRYPOINTS", '["epc"]')
    load_env_entrypoints()
    assert names(graph) == ["epb", "epa", "epc"]


def test_only_what_is_asked_for(graph: FeatureGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METALITH_ENTRYPOINT", "epb")
    assert load_features(["epa"], load_packages=False, load_env=False) is graph
    assert names(graph) == ["epa"]


def test_failures_name_the_module(project: Path) -> None:
    with pytest.raises(EntrypointLoadError, match="`no_such_module` with features") as failure:
        load_module_entrypoint("no_such_module")
    assert isinstance(failure.value, ImportError)
    with pytest.raises(EntrypointLoadError, match="RuntimeError: no luck"):
        load_module_entrypoint("broken")
    install(project, "bad", "x = broken")
    with pytest.raises(EntrypointLoadError, match=r"entry point `x = broken`.*no luck"):
        load_package_entrypoints()


def test_entrypoints_are_found_by_project(project: Path) -> None:
    assert find_entrypoints() == []
    inner = project / "inner"
    inner.mkdir()
    (inner / "metalith.toml").write_text('project = "x"\nentrypoints = ["epa"]')
    assert find_entrypoints(inner) == find_entrypoints(inner / "metalith.toml") == ["epa"]
    assert find_entrypoints(project / "nowhere") == []
    (project / "pyproject.toml").write_text('[tool.metalith]\nentrypoints = ["epb"]')
    assert find_entrypoints() == ["epb"]
