"""Ctrl-C stops work that takes long, and nothing is half done."""

import signal
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import signal, sys
import metalith as ml, pyarrow as pa

# What runs in the background of a shell ignores it, and hands that down.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Slow(ml.BaseFeature, spec=ml.FeatureSpec(key="slow", id_columns=["id"])):
    id: int

hashes = pa.array([{"default": "h"}])
schema = pa.schema({"id": pa.int64(), "metaxy_provenance_by_field": hashes.type})

def rows():
    number = 0
    while True:
        number += 1
        if number == 1000:
            print("working", flush=True)
        yield pa.record_batch([pa.array([number]), hashes], schema=schema)

store = ml.DeltaMetadataStore(sys.argv[1])
try:
    with store.open("write"):
        store.write(Slow, pa.RecordBatchReader.from_batches(schema, rows()))
except KeyboardInterrupt:
    with store:
        print("stopped", store.has_feature(Slow), flush=True)
"""


def test_an_endless_write_is_stopped(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopped False\n"
    assert process.wait() == 0
