"""How cost grows: `cargo xtask bench growth` builds our binary and starts this.

A resolve after few samples changed against a full one; time per sample from small to large;
reading a table that grew by a thousand small writes; large graphs; start-up; and reads against
DuckDB on the very Parquet files of the store, its seconds without the start of Python. Wall time
with process start on our side, always.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

import ours
import peer

import bench
from bench import machine, measure, run

ROOT, LEAF = next(iter(peer.ROOTS["simple"])), peer.LEAVES["simple"][0]
# What needs much memory runs in processes of its own: a process begins with the peak of the one
# that started it.
MYSELF = [sys.executable, str(Path(__file__).resolve())]


def main():
    args = arguments()
    shutil.rmtree(args.scratch, ignore_errors=True)
    args.scratch.mkdir(parents=True)
    # Notes of earlier resolves are kept in the user's cache.
    os.environ["XDG_CACHE_HOME"] = str(args.scratch / "cache")
    results = []
    for name in args.benches:
        for result in BENCHES[name](args):
            print(FORM.format(**result), result.get("against", ""), flush=True)
            results.append(result)
    shutil.rmtree(args.scratch)
    args.output.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    print(f"\nwritten to {args.output}")


FORM = "{what:<64} {seconds:>8.3f} s {mib:>7.0f} MiB"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metalith", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True, help="a folder that is emptied")
    parser.add_argument("--output", type=Path, required=True, help="where the JSON goes")
    parser.add_argument("--rows", type=int, default=1_000_000, help="samples of the small tables")
    parser.add_argument("--most", type=int, default=10_000_000, help="samples of the large ones")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--benches", type=bench.words, default=list(BENCHES))
    return parser.parse_args()


class Project:
    """A fresh project of ours, with the simple graph of the peer's benchmark."""

    def __init__(self, args):
        self.args, self.folder = args, args.scratch / "project"
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(args.scratch / "cache", ignore_errors=True)
        ours.make_project(self.folder, "simple", "delta")
        self.commands = ours.Metalith(args.metalith, self.folder)
        self.found = self.folder / "found"

    def metalith(self, *words):
        return [*self.commands.start, *words]

    def write(self, *several):
        """Writes made-up samples of the root, each of several to be written in a run of its own."""
        files = [self.folder / f"rows_{at}.parquet" for at in range(len(several))]
        asked = [{"file": str(file), **rows} for file, rows in zip(files, several, strict=True)]
        run([*MYSELF, "samples", json.dumps(asked)])
        for file in files:
            run(self.commands.write(ROOT, file))
            file.unlink()

    def resolve(self):
        return self.commands.resolve(LEAF, self.found)

    def files(self, key):
        """The data files of a table. Fresh tables: all that are there are of the table."""
        return sorted(map(str, (self.folder / "store").glob(f"{key}.delta/*.parquet")))

    def best(self, what, command, rows=0):
        """The fastest of some rounds."""
        rounds = [measure(command) for _ in range(self.args.rounds)]
        found = min(rounds, key=seconds_of)
        seconds, mib = found["seconds"], found["mib"]
        return {
            "what": what,
            "seconds": seconds,
            "mib": mib,
            "rows": rows,
            "output": found["output"],
        }


def samples(first, count, note="", every=1):
    """Every so manieth of some samples, with versions that only those with this note have."""
    return {"first": first, "count": count, "note": note, "every": every}


def told(result, against=None):
    """What is kept of a measurement."""
    kept = {name: result[name] for name in ("what", "seconds", "mib", "rows")}
    return kept | ({"against": against} if against else {})


def seconds_of(measured):
    return measured["seconds"]


def without_note(project):
    """The fastest of some resolves that look at everything."""

    def once():
        shutil.rmtree(project.args.scratch / "cache", ignore_errors=True)
        return measure(project.resolve())

    return min((once() for _ in range(project.args.rounds)), key=seconds_of)


def counts(result):
    return json.loads(result["output"])["counts"]


def changes(args):
    """A resolve after one sample in a thousand changed, against one that looks at everything."""
    for rows in (args.most // 10, args.most):
        project = Project(args)
        project.write(samples(0, rows))
        run(project.resolve())
        run(project.commands.write(LEAF, project.found / "new.arrow"))
        whole = without_note(project)
        yield told({"what": f"resolve {rows:,}, nothing changed, no note", "rows": rows, **whole})
        idle = project.best(f"resolve {rows:,}, nothing changed since", project.resolve(), rows)
        yield told(idle, times(whole, idle))
        kept, notes = args.scratch / "kept", args.scratch / "cache"
        for what, changed in {
            "scattered": samples(0, rows, "+", every=1000),
            "in a row": samples(rows // 2, rows // 1000, "+"),
        }.items():
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(project.folder, kept / "project")
            shutil.copytree(notes, kept / "cache")
            project.write(changed)
            few = project.best(f"resolve {rows:,}, 0.1 % changed, {what}", project.resolve(), rows)
            if counts(few)["stale"] != rows // 1000:
                sys.exit(f"error: {counts(few)} instead of {rows // 1000} stale samples")
            yield told(few, times(whole, few))
            # The same question of the same tables.
            all_of_it = without_note(project)
            if not counts(all_of_it).items() <= counts(few).items():
                sys.exit(f"error: {counts(all_of_it)} with everything, {counts(few)} with a note")
            named = {"what": f"{few['what']}, no note", "rows": rows}
            yield told({**all_of_it, **named}, f"{times(all_of_it, few)} with the note")
            for place, before in ((project.folder, kept / "project"), (notes, kept / "cache")):
                shutil.rmtree(place, ignore_errors=True)
                before.rename(place)


def times(slow, fast):
    return f"{slow['seconds'] / fast['seconds']:.1f} times faster"


def sizes(args):
    """Time per sample, from a hundredth of the most to the most."""
    first = None
    for rows in (args.most // 100, args.most // 10, args.most):
        project = Project(args)
        project.write(samples(0, rows))
        result = project.best(f"resolve {rows:,}, all new", project.resolve(), rows)
        each = result["seconds"] / rows * 1e9
        first = first or each
        yield told(result, f"{each:.0f} ns for each sample, {each / first:.2f} times as much")


def appends(args):
    """A table that grew by a thousand small writes, before and after it is compacted."""
    project = Project(args)
    project.write(*(samples(number * 100, 100) for number in range(1000)))
    read = project.metalith(
        "metadata", "read", ROOT, "--output", str(project.folder / "read.arrow")
    )
    many = project.best("read 100,000 of 1,000 writes", read, 100_000)
    compacting = measure(project.metalith("maintain"))
    few = project.best("read 100,000, compacted", read, 100_000)
    yield told(many, f"{many['seconds'] / few['seconds']:.1f} times the compacted one")
    yield told(few)
    yield told({"what": "compact it", "rows": 100_000, **compacting})


def graphs(args):
    """A thousand features in a file; a hundred with samples."""
    project = Project(args)
    chain = [ours.feature("bench/f0", ["data"], [])]
    chain += [
        ours.feature(f"bench/f{it}", ["data"], [f"bench/f{it // 2}"]) for it in range(1, 1000)
    ]
    (project.folder / "features.toml").write_text("\n".join(chain))
    listing = project.metalith("--json", "list", "features")
    yield told(project.best("load, version and order 1,000 features", listing))
    (project.folder / "features.toml").write_text("\n".join(chain[:100]))
    rows = project.folder / "rows.jsonl"
    made = [
        {"sample_uid": it, "metaxy_provenance_by_field": {"data": "made"}} for it in range(1000)
    ]
    rows.write_text("".join(json.dumps(row) + "\n" for row in made))
    run(project.commands.write("bench/f0", rows))
    for number in range(1, 100):
        run(project.commands.resolve(f"bench/f{number}", project.found))
        run(project.commands.write(f"bench/f{number}", project.found / "new.arrow"))
    status = project.metalith("--json", "metadata", "status")
    yield told(project.best("status of 100 features with 1,000 samples each", status))


def starts(args):
    project = Project(args)
    yield told(project.best("--help", [str(args.metalith), "--help"]))
    yield told(
        project.best("list features of a small project", project.metalith("list", "features"))
    )


CURRENT = (
    "SELECT * FROM read_parquet($files) QUALIFY row_number() OVER (PARTITION BY sample_uid ORDER BY"
    " coalesce(metaxy_deleted_at, metaxy_updated_at) DESC) = 1 AND metaxy_deleted_at IS NULL"
)


def reads(args):
    """Reads by id, and of current rows with as many superseded ones, against DuckDB."""
    rows = args.rows
    project = Project(args)
    project.write(samples(0, rows))
    scattered = ", ".join(str(number) for number in range(0, rows, 100))
    spans = {
        "scattered": f"sample_uid IN ({scattered})",
        "in a row": f"sample_uid BETWEEN {rows // 2} AND {rows // 2 + rows // 100 - 1}",
    }
    output = project.folder / "read.arrow"
    read = project.metalith("metadata", "read", ROOT, "--output", str(output))
    for what, condition in spans.items():
        result = project.best(f"read 1 % of {rows:,}, {what}", [*read, "--filter", condition], rows)
        yield told(
            result, beside_duckdb(args, project, f"{CURRENT} AND {condition}", output, result)
        )
    project.write(samples(0, rows, "+"))
    result = project.best(f"read {rows:,}, as many superseded", read, rows)
    yield told(result, beside_duckdb(args, project, CURRENT, output, result))


def beside_duckdb(args, project, query, output, result):
    """DuckDB on the same files, to Arrow; it must find as many rows."""
    asked = {"query": query, "files": project.files(ROOT), "ours": str(output)}
    file = args.scratch / "query.json"
    file.write_text(json.dumps(asked))
    rounds = [
        json.loads(measure([*MYSELF, "duckdb", str(file)])["output"]) for _ in range(args.rounds)
    ]
    if rounds[0]["rows"] != rounds[0]["ours"]:
        sys.exit(f"error: {rounds[0]['ours']} rows, and {rounds[0]['rows']} in DuckDB")
    seconds = min(it["seconds"] for it in rounds)
    return f"DuckDB {seconds:.3f} s, {seconds / result['seconds']:.1f} times ours"


def make_samples(asked):
    import polars as pl

    for rows in json.loads(asked):
        ids = pl.int_range(rows["first"], rows["first"] + rows["count"], eager=True)
        ids = ids.gather_every(rows["every"]).alias("sample_uid")
        text = ids.cast(pl.String)
        fields = [
            (f"{name}-" + text + rows["note"]).alias(name) for name in peer.ROOTS["simple"][ROOT]
        ]
        by_field = pl.select(pl.struct(fields).alias("metaxy_provenance_by_field")).to_series()
        pl.DataFrame([ids, by_field]).write_parquet(rows["file"])


def ask_duckdb(file):
    import duckdb
    import pyarrow as pa

    asked = json.loads(Path(file).read_text())
    start = time.perf_counter()
    table = duckdb.execute(asked["query"], {"files": asked["files"]}).to_arrow_table()
    seconds = time.perf_counter() - start
    with pa.ipc.open_file(asked["ours"]) as ours:
        mine = sum(ours.get_batch(it).num_rows for it in range(ours.num_record_batches))
    print(json.dumps({"seconds": seconds, "rows": table.num_rows, "ours": mine}))


BENCHES = {
    "starts": starts,
    "graphs": graphs,
    "appends": appends,
    "reads": reads,
    "sizes": sizes,
    "changes": changes,
}

if __name__ == "__main__":
    alone = {"samples": make_samples, "duckdb": ask_duckdb}.get((sys.argv[1:2] or [""])[0])
    if alone:
        alone(sys.argv[2])
    else:
        main()
