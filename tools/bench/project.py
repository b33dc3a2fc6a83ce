"""Metalith from Python as `metalith.Project` has it: one command is one process.

    project.py resolve --project PROJECT --feature bench/wide_leaf
    project.py write   --project PROJECT --feature bench/wide_root_0 --rows ROWS
    project.py read    --project PROJECT --feature bench/wide_root_0
    project.py threads --project PROJECT --feature bench/wide_leaf

Rows come as tables of Arrow in memory. No library of frames is loaded.
"""

import argparse
import concurrent.futures
import json
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=list(COMMANDS))
    parser.add_argument("--project", required=True)
    parser.add_argument("--feature", required=True)
    parser.add_argument("--rows", help="a Parquet file")
    args = parser.parse_args()
    import metalith

    project = metalith.Project(args.project)
    with project.open("write" if args.command == "write" else "read") as store:
        start = time.perf_counter()
        found = COMMANDS[args.command](args, project, store)
        # Without the start of Python and the opening of the store.
        print(json.dumps({"seconds": time.perf_counter() - start, **found}))


def resolve(args, project, store):
    found = store.resolve_update(args.feature)
    names = ("new", "stale", "orphaned")
    return {"counts": {name: len(getattr(found, name)) for name in names}}


def write(args, project, store):
    return {"written": store.write(args.feature, args.rows)}


def read(args, project, store):
    return {"rows": len(store.read(args.feature))}


def threads(args, project, store):
    """Eight threads resolve at once, each with the store opened for itself."""

    def work(_):
        with project.open() as own:
            return len(own.resolve_update(args.feature).new)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return {"new": sum(pool.map(work, range(8)))}


COMMANDS = {"resolve": resolve, "write": write, "read": read, "threads": threads}

if __name__ == "__main__":
    main()
