"""A project of files from Python: what the command sees, and Arrow in and out."""

import importlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import metalith as ml
from metalith.errors import (
    InvalidError,
    MetalithError,
    NotFoundError,
    StoreNotOpenError,
    UnsupportedError,
)

CONFIG = """
project = "media"
features = ["features.toml"]
[stores.dev]
path = "store"
[stores.other]
path = "other"
"""
FEATURES = """
[[features]]
key = "video"
id_columns = ["id"]
fields = ["frames"]
objects = [{ column = "uri" }]

[[features]]
key = "crop"
id_columns = ["id"]
fields = ["face"]
deps = [{ feature = "video", select = ["uri"] }]
"""


def rows(**hashes: str) -> pl.DataFrame:
    """Videos with the hashes of their frames."""
    provenance = [{"frames": it} for it in hashes.values()]
    uris = [f"file:///media/{it}" for it in hashes]
    return pl.DataFrame({"id": list(hashes), "uri": uris, "metaxy_provenance_by_field": provenance})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "metalith.toml").write_text(CONFIG)
    (tmp_path / "features.toml").write_text(FEATURES)
    return tmp_path


def metalith(folder: Path, *arguments: str) -> str:
    """What the command prints in a folder."""
    command = [sys.executable, "-m", "metalith", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ids(frame: object) -> list[str]:
    return sorted(pl.DataFrame(frame)["id"])


def test_a_project_of_files_is_worked_off(project: Path) -> None:
    media = ml.Project(project)
    assert media.path == project
    assert media.features == ["video", "crop"]
    with media.open("write") as store:
        assert store.write("video", rows(a="1", b="1")) == 2
        found = store.resolve_update("crop")
        assert (len(found.new), len(found.stale), len(found.orphaned)) == (2, 0, 0)
        # What the engine gives it takes back; whoever works on it takes it as Arrow.
        assert store.write("crop", found.new) == 2
        rows(b="2", c="1").write_parquet(project / "videos.parquet")
        assert store.write("video", project / "videos.parquet") == 2
    with media.open() as store:
        found = store.resolve_update("crop")
        assert (ids(found.new), ids(found.stale)) == (["c"], ["b"])
        assert ids(store.resolve_update("crop", global_filters="id <> 'c'").new) == []
        assert ids(store.read("video", filters=["id > 'a'", "id < 'c'"])) == ["b"]
        assert pl.DataFrame(store.read("video", columns=["id", "uri"], limit=1)).shape == (1, 2)
        assert len(store.read("video", with_sample_history=True)) == 4
        assert store.status("crop")["stale"] == 1
    # The command sees the same.
    told = json.loads(metalith(project, "metadata", "resolve", "crop", "--json"))
    assert told["counts"]["new"] == 1


def test_files_of_text_are_samples_too(project: Path) -> None:
    (project / "videos.csv").write_text("id,metaxy_provenance_by_field.frames\na,1\nb,2\n")
    with ml.Project(project).open("write") as store:
        found = store.resolve_update("video", samples=project / "videos.csv")
        assert ids(found.new) == ["a", "b"]
        assert store.write("video", str(project / "videos.csv")) == 2
        assert ids(store.read("video")) == ["a", "b"]


def test_it_stays_the_project_that_it_was(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.parent)
    media = ml.Project(project.name)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with media.open("write") as store:
        store.write("video", rows(a="1"))
    # Also in another process.
    with pickle.loads(pickle.dumps(media)).open() as store:
        assert ids(store.read("video")) == ["a"]
    assert not any((tmp_path / "elsewhere").iterdir())


def test_deletions_go_and_come_back(project: Path) -> None:
    with ml.Project(project, actor="anna").open("write") as store:
        store.write("video", rows(a="1", b="1"))
        store.write("crop", store.resolve_update("crop").new)
        plan = store.plan_deletion("video", "id = 'a'", cascade="downstream")
        assert [str(step.feature) for step in plan.steps] == ["crop", "video"]
        assert ids(store.read("crop")) == ["a", "b"]
        gone = store.delete("video", "id = 'a'", cascade="downstream", reason="consent withdrawn")
        assert ids(store.read("crop")) == ["b"]
        assert ids(store.read("crop", include_soft_deleted=True)) == ["a", "b"]
        assert store.restore(gone.id) == {"crop": 1, "video": 1}
        assert ids(store.read("crop")) == ["a", "b"]
    assert '"actor": "anna"' in metalith(project, "deletions", "list", "--json")


def test_settings_of_the_project_hold(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = "\n[quota]\nobjects = { warn = 1, refuse = 2 }\n"
    (project / "metalith.toml").write_text(CONFIG + quota)
    with ml.Project(project).open("write") as store:
        store.write("video", rows(a="1"))
        with pytest.warns(UserWarning, match="holds 2 objects; from 1 on its quota warns"):
            store.write("video", rows(b="1"))
        with pytest.raises(MetalithError, match="would hold 3 objects, and its quota is 2"):
            store.write("video", rows(c="1"))
        assert ids(store.read("video")) == ["a", "b"]
    other = ml.Project(project, store="other").open("write")
    with other as store, pytest.raises(NotFoundError, match=r"no table in .*other"):
        store.read("video")
    monkeypatch.setenv("METALITH_PROJECT", str(project))
    with ml.Project().open() as store:
        assert ids(store.read("video")) == ["a", "b"]


def test_features_of_modules_belong_to_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "metalith.toml").write_text('entrypoints = ["mood_features"]' + CONFIG)
    (project / "mood_features.py").write_text(
        "import metalith as ml\n"
        'spec = ml.FeatureSpec(key="mood", id_columns=["id"], deps=["crop"])\n'
        "class Mood(ml.BaseFeature, spec=spec):\n"
        "    id: str\n"
        "spec = ml.FeatureSpec(key='own', id_columns=['id'], deps=['crop'])\n"
        "class Own(ml.BaseFeature, spec=spec):\n"
        "    id: str\n"
        "    @classmethod\n"
        "    def load_input(cls, upstream):\n"
        "        return upstream['crop']\n"
    )
    monkeypatch.syspath_prepend(project)
    media = ml.Project(project)
    assert media.features == ["video", "crop", "mood", "own"]
    mood = importlib.import_module("mood_features").Mood
    with media.open("write") as store:
        store.write("video", rows(a="1"))
        store.write("crop", store.resolve_update("crop").new)
        assert ids(store.resolve_update(mood).new) == ["a"]
        # What the engine would join in another way than the class is not resolved here.
        for ask in (store.resolve_update, store.status):
            with pytest.raises(UnsupportedError, match="`own` joins its upstreams"):
                ask("own")


def test_what_is_wrong_is_told(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match=r"metalith\.toml") as missing:
        ml.Project(tmp_path / "empty")
    assert missing.value.hint is not None and "metalith init" in missing.value.hint
    media = ml.Project(project)
    with pytest.raises(InvalidError, match="`append` is no mode"), media.open("append"):  # pyright: ignore[reportArgumentType]
        pass
    with media.open("write") as store:
        store.write("video", rows(a="1"))
        with pytest.raises(InvalidError, match=r"`builtins\.int` is not a frame"):
            store.write("video", 3)
        with pytest.raises(MetalithError, match=r"nothing\.parquet"):
            store.write("video", "nothing.parquet")
    with pytest.raises(StoreNotOpenError, match="is closed"):
        store.read("video")
    with media.open() as store:
        with pytest.raises(StoreNotOpenError, match="needs write mode"):
            store.write("video", rows(b="1"))
        with pytest.raises(StoreNotOpenError, match="needs write mode"):
            store.delete("video", "id = 'no such sample'")


def test_nothing_but_the_engine_is_loaded(project: Path) -> None:
    rows(a="1").write_parquet(project / "videos.parquet")
    script = (
        "import sys, metalith as ml\n"
        "with ml.Project().open('write') as store:\n"
        "    store.write('video', 'videos.parquet')\n"
        "    store.write('crop', store.resolve_update('crop').new)\n"
        "    found = store.read('crop', filters=[\"id = 'a'\", 'id IS NOT NULL'])\n"
        "    assert len(found) == 1\n"
        "print(*sys.modules)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    heavy = {"narwhals", "pydantic", "polars", "pandas", "pyarrow", "duckdb"}
    assert heavy.isdisjoint(done.stdout.split())
