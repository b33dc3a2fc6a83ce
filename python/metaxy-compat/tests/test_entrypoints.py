"""Features are found where modules, packages and variables say."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import metaxy as mx
from metaxy import entrypoints
from metaxy.cli.app import app
from metaxy.entrypoints import EntrypointLoadError

MODULE = """
__metaxy_project__ = "media"
import metaxy as mx

class Clip(mx.BaseFeature, spec=mx.FeatureSpec(key="raw/clip", id_columns=["id"])):
    id: str
"""


@pytest.fixture(autouse=True)
def graph() -> Iterator[mx.FeatureGraph]:
    with mx.FeatureGraph().use() as graph:
        yield graph
    mx.MetaxyConfig.reset()


def test_what_packages_name_is_asked_for_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def entry(name: str, load: Any) -> Any:
        return SimpleNamespace(name=name, value=f"{name}.features", dist=None, load=load)

    def broken() -> None:
        raise ImportError("half of it")

    groups = {
        "media": [entry("b", lambda: loaded.append("b")), entry("a", lambda: loaded.append("a"))],
        "broken": [entry("c", broken)],
    }
    installed = SimpleNamespace(select=lambda group: groups[group])
    monkeypatch.setattr(entrypoints, "entry_points", lambda: installed)
    mx.load_package_entrypoints("media")
    assert loaded == ["a", "b"]
    with pytest.raises(EntrypointLoadError, match=r"Failed to load package entrypoint.*half"):
        mx.load_package_entrypoints("broken")


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(EntrypointLoadError, match="import entrypoint module 'no") as told:
        mx.load_features(["no.such"], load_packages=False)
    assert isinstance(told.value.__cause__, ModuleNotFoundError)


def test_the_command_runs_within_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "features_of_the_command.py").write_text(MODULE)
    (tmp_path / "metaxy.toml").write_text(
        'project = "media"\nentrypoints = ["features_of_the_command"]\n[stores.dev]\n'
        'type = "metaxy.ext.polars.handlers.delta.DeltaMetadataStore"\n'
        '[stores.dev.config]\nroot_path = "store"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    app.meta(["push"])
    version = mx.FeatureGraph.get_active().get_project_version("media")
    assert capsys.readouterr().out == f"{version}\n"
    # What the engine prints arrives there too.
    app.meta(["metadata", "delete", "raw/clip", "--hard"])
    assert "no sample of `raw/clip` matches" in "".join(capsys.readouterr())
    with pytest.raises(SystemExit) as ended:
        app.meta(["metadata", "copy", "raw/clip", "--from", "dev", "--to", "dev"])
    assert ended.value.code == 3
    assert "`raw/clip` has no table" in capsys.readouterr().err
