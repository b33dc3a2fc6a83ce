"""The `metalith` command of the package: that of Rust, with features declared in Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FEATURES = """
import metalith as ml

class Video(ml.BaseFeature, spec=ml.FeatureSpec(key="video", id_columns=["id"])):
    id: str

class Crop(ml.BaseFeature, spec=ml.FeatureSpec(key="crop", id_columns=["id"], deps=[Video])):
    id: str
"""
CONFIG = """
project = "media"
entrypoints = ["media_features"]
[stores.dev]
path = "store"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "metalith.toml").write_text(CONFIG)
    (tmp_path / "media_features.py").write_text(FEATURES)
    rows = '{"id": "a", "metaxy_provenance_by_field": {"default": "h"}}\n'
    (tmp_path / "rows.jsonl").write_text(rows)
    return tmp_path


def metalith(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a folder."""
    command = [sys.executable, "-m", "metalith", *arguments]
    environment = {**os.environ, "USER": "anna"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_features_in_python_work_from_the_terminal(project: Path) -> None:
    listed = metalith(project, "list", "features", "--json")
    assert listed.returncode == 0, listed.stderr
    keys = [feature["key"] for feature in json.loads(listed.stdout)["features"]]
    assert keys == ["video", "crop"]
    assert metalith(project, "metadata", "write", "video", "rows.jsonl").returncode == 0
    found = metalith(project, "metadata", "resolve", "crop", "--json")
    assert json.loads(found.stdout)["counts"]["new"] == 1


def test_drivers_of_databases_are_those_of_python(project: Path) -> None:
    (project / "metalith.toml").write_text(CONFIG.replace('path = "store"', 'type = "duckdb"'))
    wrote = metalith(project, "metadata", "write", "video", "rows.jsonl")
    assert wrote.returncode == 0, wrote.stderr
    read = metalith(project, "metadata", "read", "video", "--json")
    assert [row["id"] for row in json.loads(read.stdout)["rows"]] == ["a"]
    assert (project / ".metalith/store.duckdb").is_file()


def test_how_some_samples_stand(project: Path) -> None:
    assert metalith(project, "metadata", "write", "video", "rows.jsonl").returncode == 0

    def crop(*arguments: str) -> dict[str, object]:
        told = metalith(project, "metadata", "status", "crop", "--json", *arguments)
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)["features"][0]

    assert crop()["new"] == 1
    assert crop("--global-filter", "id = 'b'")["new"] == 0


def test_a_module_that_fails_is_told(project: Path) -> None:
    (project / "media_features.py").write_text("1 / 0")
    told = metalith(project, "list", "features")
    assert told.returncode == 2
    assert "media_features" in told.stderr and "division by zero" in told.stderr
    assert "Traceback" not in told.stderr


def test_exit_codes_are_those_of_the_command(project: Path) -> None:
    told = metalith(project, "metadata", "read", "nothing")
    assert told.returncode == 3
    assert "there is no store here" in told.stderr
    assert metalith(project, "--version").stdout.startswith("metalith ")
    assert metalith(project, "no-such-command").returncode == 2


def test_python_and_the_command_see_the_same_store(project: Path) -> None:
    script = (
        "import metalith as ml, polars as pl\n"
        "store = ml.init().get_store()\n"
        "from media_features import Crop, Video\n"
        "with store.open('write'):\n"
        "    rows = {'id': ['a'], 'metaxy_provenance_by_field': [{'default': 'h'}]}\n"
        "    store.write(Video, pl.DataFrame(rows))\n"
        "    store.write(Crop, store.resolve_update(Crop).new)\n"
        "    print(store.delete(Video, \"id = 'a'\", cascade='downstream').id)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    deletion = ran.stdout.strip()
    listed = metalith(project, "deletions", "list", "--json")
    assert deletion in listed.stdout
    restored = metalith(project, "metadata", "restore", "--deletion", deletion)
    assert restored.returncode == 0, restored.stderr
    read = metalith(project, "metadata", "read", "crop", "--json")
    assert [row["id"] for row in json.loads(read.stdout)["rows"]] == ["a"]
