"""Takes in a stream of Arrow batch by batch, as who calls our command would, and counts its rows.

A process of its own, which says on a line when it is ready: what `bench.py` starts begins with
its peak of memory, so that is to stay small.
"""

import json
import sys

import pyarrow

print(flush=True)
with pyarrow.ipc.open_stream(sys.stdin.buffer) as batches:
    print(json.dumps({"rows": sum(batch.num_rows for batch in batches)}), flush=True)
