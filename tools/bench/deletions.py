"""Deletions at size: `cargo xtask bench deletions` builds our binary and starts this.

No peer does this work, so there is nothing to compare with: wall time with process start, peak
memory, and what reading costs with tombstones against without.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import polars as pl

from bench import machine, measure, run

CONFIG = """\
project = "bench"
store = "dev"

[stores.dev]
path = "store"
"""

FEATURES = """\
[[features]]
key = "video"
id_columns = ["video"]
fields = ["frames"]

[[features]]
key = "chunk"
id_columns = ["chunk"]
fields = ["frames"]
deps = [{ feature = "video", lineage = { expansion = { on = ["video"] } } }]

[[features]]
key = "faces"
id_columns = ["chunk"]
fields = ["frames"]
deps = [{ feature = "chunk", rename = { video = "of_video" } }]

[[features]]
key = "clip"
id_columns = ["clip"]
fields = ["frames"]
objects = [{ column = "path" }]
"""


def main():
    args = arguments()
    shutil.rmtree(args.scratch, ignore_errors=True)
    args.scratch.mkdir(parents=True)
    results = []
    for bench in [cascades, tombstones, orphans]:
        for result in bench(args):
            print(
                f"{result['what']:<58} {result['seconds']:>8.2f} s {result['mib']:>7.0f} MiB",
                flush=True,
            )
            results.append(result)
        shutil.rmtree(args.scratch / "project", ignore_errors=True)
    shutil.rmtree(args.scratch)
    args.output.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    print(f"\nwritten to {args.output}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metalith", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True, help="a folder that is emptied")
    parser.add_argument("--output", type=Path, required=True, help="where the JSON goes")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--objects", type=int, default=1_000_000)
    return parser.parse_args()


def project(args):
    folder = args.scratch / "project"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "metalith.toml").write_text(CONFIG)
    (folder / "features.toml").write_text(FEATURES)
    return folder


def metalith(args, *words):
    return [str(args.metalith), "--project", str(args.scratch / "project"), "--quiet", *words]


def write(args, feature, columns):
    made = pl.DataFrame(columns).with_columns(
        pl.struct(pl.lit("made").alias("frames")).alias("metaxy_provenance_by_field")
    )
    file = args.scratch / "rows.parquet"
    made.write_parquet(file)
    run(metalith(args, "metadata", "write", feature, str(file)))


def timed(what, command):
    found = measure(command)
    return {"what": what, "seconds": found["seconds"], "mib": found["mib"]}


def cascades(args):
    """Three features; one in a hundred videos goes with its chunks and their faces."""
    rows = args.rows
    videos = [f"video-{number:08}" for number in range(rows)]
    chunks = [f"chunk-{number:08}" for number in range(rows)]
    project(args)
    write(args, "video", {"video": videos, "n": list(range(rows))})
    write(args, "chunk", {"chunk": chunks, "video": videos})
    write(args, "faces", {"chunk": chunks})
    delete = ["metadata", "delete", "--feature", "video", "--cascade", "downstream", "--yes"]
    dry = [*delete, "--filter", "n % 100 = 0", "--dry-run"]
    yield timed(f"cascade of 1 % over 3 x {rows:,}: plan", metalith(args, *dry))
    soft = [*delete, "--filter", "n % 100 = 0"]
    yield timed(f"cascade of 1 % over 3 x {rows:,}: soft", metalith(args, *soft))
    hard = [*delete, "--filter", "n % 100 = 1", "--soft=false"]
    yield timed(f"cascade of 1 % over 3 x {rows:,}: hard", metalith(args, *hard))


def tombstones(args):
    """Reading as many samples as there are tombstones, before and after."""
    rows = args.rows
    project(args)
    numbers = list(range(2 * rows))
    write(
        args,
        "clip",
        {"clip": [f"clip-{number:08}" for number in numbers], "n": numbers, "path": None},
    )
    read = ["metadata", "read", "clip", "--filter", f"n < {rows}", "--output"]
    output = str(args.scratch / "read.parquet")
    before = timed(f"read {rows:,} of {2 * rows:,}, no tombstone", metalith(args, *read, output))
    yield before
    run(metalith(args, "metadata", "delete", "--feature", "clip", "--filter", f"n >= {rows}"))
    after = timed(f"read {rows:,}, {rows:,} tombstones", metalith(args, *read, output))
    yield after
    print(f"  {after['seconds'] / before['seconds']:.2f} times as long")
    found = pl.scan_parquet(output).select(pl.len()).collect().item()
    if found != rows:
        sys.exit(f"error: {found} rows were read instead of {rows}")


def orphans(args):
    """A folder of objects of which one in ten is named by nobody."""
    count = args.objects
    folder = project(args)
    media = folder / "media"
    paths = []
    for number in range(count):
        file = media / f"{number // 1000:04}" / f"{number:08}.bin"
        if number % 1000 == 0:
            file.parent.mkdir(parents=True)
        file.touch()
        if number % 10:
            paths.append(str(file))
    names = [f"clip-{number:08}" for number in range(len(paths))]
    write(args, "clip", {"clip": names, "n": list(range(len(paths))), "path": paths})
    audit = metalith(args, "--json", "objects", "audit", str(media))
    # It tells by its exit code that there are orphans.
    command = ["sh", "-c", '"$@"; [ $? -le 1 ]', "sh", *audit]
    found = measure(command)
    report = json.loads(found["output"])
    if report["orphans"] != count - len(paths):
        sys.exit(f"error: {report['orphans']} orphans instead of {count - len(paths)}")
    yield {
        "what": f"audit of {count:,} objects",
        "seconds": found["seconds"],
        "mib": found["mib"],
    }


if __name__ == "__main__":
    main()
