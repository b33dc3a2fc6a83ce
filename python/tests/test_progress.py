"""Work that takes long says so to people, and to nobody else."""

import os
import pty
import subprocess
import sys

import pytest

from metalith.progress import Progress

# Rows that take their time to come.
SCRIPT = """
import time
import metalith as ml, pyarrow as pa

class Slow(ml.BaseFeature, spec=ml.FeatureSpec(key="slow", id_columns=["id"])):
    id: int

hashes = pa.array([{"default": "h"}])
schema = pa.schema({"id": pa.int64(), "metaxy_provenance_by_field": hashes.type})

def rows():
    for number in range(3):
        time.sleep(0.7)
        yield pa.record_batch([pa.array([number]), hashes], schema=schema)

with ml.InMemoryMetadataStore() as store:
    store.write(Slow, pa.RecordBatchReader.from_batches(schema, rows()))
    print(len(store.read(Slow).collect()), "rows")
"""


def run(errors: int) -> str:
    """Runs the script with these error output; returns what it printed."""
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=errors, text=True
    ).stdout


def test_a_terminal_is_told() -> None:
    ours, theirs = pty.openpty()
    assert run(theirs) == "3 rows\n"
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "writing `slow`  1 s" in shown
    assert shown.endswith("\r\x1b[K")


def test_a_file_is_not(tmp_path: os.PathLike[str]) -> None:
    errors = os.path.join(tmp_path, "errors")  # noqa: PTH118
    with open(errors, "w+") as file:  # noqa: PTH123
        assert run(file.fileno()) == "3 rows\n"
        file.seek(0)
        assert file.read() == ""


def test_nobody_is_told_who_does_not_want_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METALITH_PROGRESS", "0")
    assert not Progress("anything").is_watched
