"""Migrations: functions in Python, and samples that are carried over."""

import json
import textwrap
from pathlib import Path

import pytest
from test_command import metalith

FEATURES = """
import os
import metalith as ml

VERSION = os.environ.get("VERSION", "1")


class Video(ml.BaseFeature, spec=ml.FeatureSpec(key="video", id_columns=["id"])):
    id: str


class Crop(
    ml.BaseFeature,
    spec=ml.FeatureSpec(
        key="crop",
        id_columns=["id"],
        deps=[Video],
        fields=[ml.FieldSpec(key="default", code_version=VERSION)],
    ),
):
    id: str
"""
FIXES = """
import narwhals as nw


def louder(clips):
    # What the system stores is none of its business.
    assert sorted(clips.columns) == ["id", "note", "size"], clips.columns
    return clips.filter(nw.col("size") > 1).select(
        "id", note=nw.concat_str("note", nw.lit("!")), seconds=nw.col("size") * 10
    )


class Louder:
    def __call__(self, clips):
        return louder(clips).to_native()


def nothing(clips):
    return None


def twice(clips):
    return nw.concat([clips, clips]).select("id", "note")


def others(clips):
    return clips.select(id=nw.lit("z"), note=nw.lit("!")).head(1)


def versions(clips):
    return clips.select("id", metaxy_data_version=nw.lit("1"))


def without_ids(clips):
    return clips.select("note")


def fails(clips):
    raise ValueError("no such luck")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    config = 'project = "media"\nentrypoints = ["media_features"]\n[stores.dev]\npath = "store"\n'
    (tmp_path / "metalith.toml").write_text(config)
    (tmp_path / "media_features.py").write_text(FEATURES)
    (tmp_path / "fixes.py").write_text(FIXES)
    rows = [
        {"id": id, "size": size, "note": id, "metaxy_provenance_by_field": {"default": id}}
        for id, size in (("a", 1), ("b", 2), ("c", 3))
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert metalith(tmp_path, "metadata", "write", "video", "rows.jsonl").returncode == 0
    return tmp_path


def migration(project: Path, run: str, where: str = "[]") -> str:
    """Writes a migration with one step; gives its id."""
    made = metalith(project, "migrations", "scaffold", "fix", "--json")
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout)
    text = Path(project, found["file"]).read_text()
    step = f"""\
    steps:
      - feature: video
        operation: custom
        run: "{run}"
        where: {where}
        reason: "it was too quiet"
    """
    before = text.partition("steps: []")[0]
    Path(project, found["file"]).write_text(before + textwrap.dedent(step))
    return str(found["migration"])


def samples(project: Path) -> list[list[object]]:
    read = metalith(project, "metadata", "read", "video", "--json")
    assert read.returncode == 0, read.stderr
    rows = json.loads(read.stdout)["rows"]
    return sorted([row["id"], row["note"], row.get("seconds")] for row in rows)


@pytest.mark.parametrize("run", ["fixes:louder", "fixes:Louder"])
def test_a_function_says_what_columns_become(project: Path, run: str) -> None:
    before = samples(project)
    id = migration(project, run, where="[\"id <> 'c'\"]")
    planned = metalith(project, "migrations", "apply", id, "--dry-run", "--json")
    assert planned.returncode == 0, planned.stderr
    (step,) = json.loads(planned.stdout)["steps"]
    assert (step["operation"], step["state"], step["samples"]) == ("custom", "planned", 1)
    assert samples(project) == before

    for state in ("done", "was done"):
        applied = metalith(project, "migrations", "apply", id, "--json")
        assert applied.returncode == 0, applied.stderr
        (step,) = json.loads(applied.stdout)["steps"]
        assert (step["state"], step["samples"]) == (state, 1)
        assert samples(project) == [["a", "a", None], ["b", "b!", 20], ["c", "c", None]]

    taken_back = metalith(project, "migrations", "rollback", id, "--yes")
    assert taken_back.returncode == 0, taken_back.stderr
    assert [row[:2] for row in samples(project)] == [row[:2] for row in before]


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ("fixes:fails", "ValueError: no such luck"),
        ("fixes:nothing", "gives nothing back for `video`"),
        ("fixes:twice", "it gives a sample twice"),
        ("fixes:others", "it gives samples that it did not get"),
        ("fixes:versions", "column `metaxy_data_version` says which sample it is"),
        ("fixes:without_ids", "what it gives has no column `id`"),
        ("fixes:absent", "has no attribute 'absent'"),
        ("absent:fix", "No module named 'absent'"),
        ("louder", "`louder` names no function"),
    ],
)
def test_what_a_function_must_not_do_is_told_and_nothing_is_done(
    project: Path, run: str, told: str
) -> None:
    before = samples(project)
    refused = metalith(project, "migrations", "apply", migration(project, run))
    assert refused.returncode == 2, refused.stderr
    assert told in refused.stderr and "Traceback" not in refused.stderr
    assert samples(project) == before


def test_samples_of_features_in_python_are_carried_over(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: str) -> dict[str, object]:
        done = metalith(project, *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.startswith("{") else {}

    script = (
        "import media_features, metalith as ml\n"
        "store = ml.init().get_store()\n"
        "with store.open('write'):\n"
        "    store.write('crop', store.resolve_update('crop').new)\n"
    )
    (project / "work.py").write_text(script)
    work_off(project)
    run("graph", "push")
    monkeypatch.setenv("VERSION", "2")
    assert run("metadata", "resolve", "crop")["counts"]["new"] == 3  # type: ignore[index]
    made = run("migrations", "generate", "--reason", "it computes the same")
    run("migrations", "apply", str(made["migration"]))
    counts = run("metadata", "resolve", "crop")["counts"]
    assert counts["new"] == counts["stale"] == 0  # type: ignore[index]


def work_off(project: Path) -> None:
    """Runs the script of the project."""
    import subprocess
    import sys

    subprocess.run([sys.executable, "work.py"], cwd=project, check=True)
