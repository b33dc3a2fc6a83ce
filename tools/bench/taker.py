"""Takes in a stream of Arrow batch by batch, as who calls our command would, and counts its rows.

Where rows say what a resolve found them to be, each kind is counted. A process of its own, which
says on a line when it is ready: what `bench.py` starts begins with its peak of memory, so that is
to stay small.
"""

import json
import sys
from collections import Counter

import pyarrow
import pyarrow.compute

FINDING = "metalith_finding"

print(flush=True)
with pyarrow.ipc.open_stream(sys.stdin.buffer) as batches:
    is_found = FINDING in batches.schema.names
    counts = Counter(rows=0, **({"new": 0, "stale": 0} if is_found else {}))
    for batch in batches:
        counts["rows"] += batch.num_rows
        if is_found:
            kinds = pyarrow.compute.value_counts(batch[FINDING])
            counts.update({kind["values"]: kind["counts"] for kind in kinds.to_pylist()})
print(json.dumps(counts), flush=True)
