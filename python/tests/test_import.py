"""What importing the package costs."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import tomli as tomllib

import metalith

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"

HEAVY = ("metalith._metalith", "narwhals", "pydantic", "polars", "pandas", "pyarrow", "duckdb")


def loaded(code: str) -> set[str]:
    """The modules that a fresh interpreter has after some code."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_that_takes_long() -> None:
    assert loaded("import metalith").isdisjoint(HEAVY)


def test_declaring_a_feature_loads_no_library_of_frames() -> None:
    code = """
import metalith as ml
class Video(ml.BaseFeature, spec=ml.FeatureSpec(key="video", id_columns=["id"])):
    id: str
Video.feature_version()
"""
    found = loaded(code)
    assert "metalith._metalith" in found
    assert found.isdisjoint(["narwhals", "polars", "pandas", "pyarrow", "duckdb", "dagster"])


def test_what_the_package_installs_is_there() -> None:
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    for target in project["scripts"].values():
        module, _, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
    required = {re.split("[<>=;[ ]", it)[0] for it in project["dependencies"]}
    assert required == {"narwhals", "pydantic", "tomli", "typing_extensions"}
    assert project["requires-python"] == ">=3.10"


def test_every_public_name_has_a_home_and_a_docstring() -> None:
    for name in metalith.__all__:
        found = getattr(metalith, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert found.__doc__, name
