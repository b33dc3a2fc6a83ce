"""Metalith and Metaxy side by side: `cargo xtask bench` prepares both and starts this.

Every measurement is a process of its own on a fresh copy of a store: wall time with process
start, and peak memory. Both sides take the same Parquet files, the same graph and the same hash,
cut to the same length, and must count the same samples. The peer's frames stay in memory, as in
its paper. Ours reach the caller within the time measured, as a stream of Arrow that another
process takes in batch by batch; of orphaned samples, of which there are none here, a count. From
Python ours is measured twice: `from Python` is the peer's own script, with frames of Polars, and
`by Project` is `metalith.Project`, with tables of Arrow.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import ours
import peer

PEER = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("peer.py"))]
PROJECT = [sys.executable, str(Path(__file__).with_name("project.py"))]
TAKER = [sys.executable, str(Path(__file__).with_name("taker.py"))]


def main():
    args = arguments()
    if args.scratch.exists():
        shutil.rmtree(args.scratch)
    args.scratch.mkdir(parents=True)
    results = [start_up(args)]
    print_header()
    print_result(results[0])
    for rows in args.sizes:
        for graph in args.graphs:
            data = args.scratch / f"data_{graph}_{rows}"
            run([*PEER, "data", "--graph", graph, "--rows", str(rows), "--dir", str(data)])
            for engine in args.engines:
                for bench in BENCHES:
                    result = bench(args, Cell(args, graph, engine, rows, data))
                    for one in result:
                        print_result(one)
                        results.append(one)
            shutil.rmtree(data)
    shutil.rmtree(args.scratch)
    report = {"machine": machine(), "rounds": args.rounds, "results": results}
    args.output.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwritten to {args.output}")
    if args.metalith:
        verdict(results)


def verdict(results):
    behind = [name(result) for result in results if result["ratio"] < 1]
    if behind:
        print(f"behind the peer in {len(behind)} of {len(results)}: {', '.join(behind)}")
    else:
        print(f"ahead of the peer in all {len(results)}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metalith", type=Path, help="our binary; without it the peer runs alone")
    parser.add_argument(
        "--package",
        type=Path,
        help="the folder python/ with a built engine: cells are measured from Python as well",
    )
    parser.add_argument("--scratch", type=Path, required=True, help="a folder that is emptied")
    parser.add_argument("--output", type=Path, required=True, help="where the JSON goes")
    parser.add_argument("--databases", type=Path, help="where DuckDB's library is installed")
    parser.add_argument("--hash-length", type=int, default=peer.HASH_LENGTH)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=numbers, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--graphs", type=words, default=["simple", "wide"])
    parser.add_argument("--engines", type=words, default=["duckdb", "delta"])
    parser.add_argument("--cases", type=words, default=["new", "stale"])
    parser.add_argument("--large", action="store_true", help="ten million samples as well")
    args = parser.parse_args()
    if args.package and not args.metalith:
        parser.error("--package goes with --metalith")
    if args.large:
        args.sizes.append(10_000_000)
    return args


def words(text):
    return text.split(",")


def numbers(text):
    return [int(word.replace("_", "")) for word in text.split(",")]


class Cell:
    """One graph, engine and size, and where its stores are."""

    def __init__(self, args, graph, engine, rows, data):
        self.args, self.graph, self.engine, self.rows, self.data = args, graph, engine, rows, data
        self.root = next(iter(peer.ROOTS[graph]))
        self.leaf = peer.LEAVES[graph][0]
        self.template = args.scratch / "template"
        self.store = args.scratch / "store"

    def peer(self, command, *options):
        return [*PEER, command, *self.fixed, "--store", str(self.store / "peer"), *options]

    def package(self, command, *options):
        """The peer's own script on our engine, which keeps samples where the command does."""
        place = ["--store", str(self.store / "package"), "--keep", "delta"]
        return [*self.with_package, *PEER, command, *self.fixed, *place, *options]

    def project(self, command, feature, project="ours", *options):
        """`metalith.Project` on a project of the command."""
        place = ["--project", str(self.store / project), "--feature", feature]
        return [*self.with_package, *PROJECT, command, *place, *options]

    @property
    def with_package(self):
        """What runs Python with our packages."""
        sources = [self.args.package / "src", self.args.package / "metaxy-compat/src"]
        path = os.pathsep.join(map(str, sources))
        # An installed package has its bytecode, so ours may write it.
        return ["env", f"PYTHONPATH={path}", "PYTHONDONTWRITEBYTECODE="]

    @property
    def fixed(self):
        """What is the same in all commands of the peer's script."""
        work = ["--graph", self.graph, "--engine", self.engine, "--data", str(self.data)]
        return [*work, "--hash-length", str(self.args.hash_length)]

    @property
    def from_python(self):
        return self.args.package is not None

    def ours(self, project="ours"):
        return ours.Metalith(self.args.metalith, self.store / project)

    def make_ours(self, folder, **options):
        ours.make_project(folder, self.graph, self.engine, self.args.hash_length, **options)

    def empty(self):
        """Fresh stores without a sample."""
        shutil.rmtree(self.store, ignore_errors=True)
        self.store.mkdir()
        if self.args.metalith:
            self.make_ours(self.store / "ours")
            self.make_ours(self.store / "project")

    def seed(self, case):
        """Fills stores up to where a case begins, and keeps them as the template."""
        self.empty()
        run(self.peer("seed", "--case", case))
        if self.args.metalith:
            for command in self.ours().seed(self.graph, case, self.data, self.store / "first"):
                run(command)
        if self.from_python:
            run(self.package("seed", "--case", case))
        shutil.rmtree(self.template, ignore_errors=True)
        self.store.rename(self.template)

    def fresh(self):
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(self.template, self.store)

    def result(self, what, peers, mine):
        found = {"what": what, "graph": self.graph, "engine": self.engine, "rows": self.rows}
        return summed(found, peers, mine)


def resolves(args, cell):
    for case in args.cases:
        cell.seed(case)
        peers, mine, package, project = [], [], [], []
        for _ in range(args.rounds):
            cell.fresh()
            peers.append(measure(cell.peer("resolve")))
            if cell.from_python:
                package.append(measure(cell.package("resolve")))
                project.append(measure(cell.project("resolve", cell.leaf)))
                same(peers[-1], package[-1], COUNTS)
                same(peers[-1], project[-1], COUNTS)
            if args.metalith:
                mine.append(work(cell.ours(), cell.leaf))
                same(peers[-1], mine[-1], COUNTS)
        yield cell.result(f"resolve {case}", peers, mine)
        if package:
            yield cell.result(f"resolve {case} from Python", peers, package)
            yield cell.result(f"resolve {case} by Project", peers, project)


def writes_and_reads(args, cell):
    found = {"write": ([], [], [], []), "read": ([], [], [], [])}
    rows = ["--rows", str(cell.data / "root_0.parquet")]
    for _ in range(args.rounds):
        cell.empty()
        for what, (peers, mine, package, project) in found.items():
            peers.append(measure(cell.peer(what)))
            if cell.from_python:
                package.append(measure(cell.package(what)))
                options = rows if what == "write" else []
                project.append(measure(cell.project(what, cell.root, "project", *options)))
            if args.metalith:
                mine.append(OURS[what](cell))
            if what == "read":
                for side in (mine, package, project):
                    if side:
                        same(peers[-1], side[-1], ["rows"])
    for what, (peers, mine, package, project) in found.items():
        yield cell.result(what, peers, mine)
        if package:
            yield cell.result(f"{what} from Python", peers, package)
            yield cell.result(f"{what} by Project", peers, project)


def work(metalith, leaf):
    """New and stale samples reach another process, which counts them as we do."""
    measured = measure(metalith.work(leaf), TAKER)
    same(measured, {"output": measured["errors"]}, ["new", "stale"])
    return {**measured, "output": measured["errors"]}


def write(cell):
    return measure(cell.ours().write(cell.root, cell.data / "root_0.parquet"))


def read(cell):
    return measure(cell.ours().read(cell.root), TAKER)


OURS = {"write": write, "read": read}


def threads(args, cell):
    """Eight threads of one Python process resolve at once."""
    # With more, eight of the peer at once have more in memory than such a machine has.
    if not cell.from_python or cell.rows > 1_000_000:
        return
    cell.seed("new")
    peers, package, project = [], [], []
    for _ in range(args.rounds):
        cell.fresh()
        peers.append(measure(cell.peer("threads")))
        package.append(measure(cell.package("threads")))
        project.append(measure(cell.project("threads", cell.leaf)))
    for how, mine in [("from Python", package), ("by Project", project)]:
        result = cell.result(f"8 threads resolve {how}", peers, mine)
        for side in ("peer", "ours"):
            result[side]["cores"] = result[side]["cpu"] / result[side]["seconds"]
        yield result


def in_database(args, cell):
    """Both sides keep their samples in DuckDB, and find the increment there."""
    if cell.engine != "duckdb" or not args.metalith or not args.databases:
        return
    for case in args.cases:
        cell.seed(case)
        project = cell.template / "in_duckdb"
        cell.make_ours(project, store=ours.in_duckdb(args.databases))
        for command in ours.Metalith(args.metalith, project).seed(
            cell.graph, case, cell.data, cell.template / "first"
        ):
            run(command)
        peers, mine = [], []
        for _ in range(args.rounds):
            cell.fresh()
            peers.append(measure(cell.peer("resolve")))
            mine.append(work(cell.ours("in_duckdb"), cell.leaf))
            same(peers[-1], mine[-1], COUNTS)
        yield cell.result(f"resolve {case}, both in DuckDB,", peers, mine)


BENCHES = [resolves, in_database, writes_and_reads, threads]


def start_up(args):
    metaxy = str(Path(sys.executable).with_name("metaxy"))
    rounds = range(max(args.rounds, 5))
    peers = [measure([metaxy, "--help"]) for _ in rounds]
    mine = [measure([str(args.metalith), "--help"]) for _ in rounds] if args.metalith else []
    return summed({"what": "--help", "graph": "", "engine": "", "rows": 0}, peers, mine)


COUNTS = ["new", "stale", "orphaned"]


def same(theirs, mine, names):
    """Both sides found as much."""
    outputs = [json.loads(it["output"]) for it in (theirs, mine)]
    one, other = ([it.get("counts", it)[name] for name in names] for it in outputs)
    if one != other:
        sys.exit(
            f"error: of {', '.join(names)} the peer counts {one}, we count {other}: "
            "this compares different work"
        )


def measure(command, taker=()):
    """Seconds on the clock and on the cores, peak MiB of a process, and what it printed where.

    What it gives is for the taker, if there is one: until that has it all, time runs.
    """
    # What others wrote before is not to get in the way.
    os.sync()
    return done(command, taker)


def run(command):
    """Does what is not measured."""
    done(command)


def done(command, taker=()):
    """Runs a command to its end, and tells what `measure` does."""
    reader, writer = os.pipe()
    target, taking = writer, None
    if taker:
        taking = subprocess.Popen(taker, stdin=subprocess.PIPE, stdout=writer)
        os.close(writer)
        target = taking.stdin.fileno()
        if not os.read(reader, 1):
            sys.exit(f"error: {' '.join(taker)} cannot begin")
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=target, stderr=subprocess.PIPE)
    if taking:
        taking.stdin.close()
    else:
        os.close(writer)
    with os.fdopen(reader) as stream:
        # How long the taker takes to end is nobody's work.
        output = stream.readline() if taking else stream.read()
    errors = child.stderr.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    if child.returncode != 0:
        sys.exit(f"error: {' '.join(command)} ended with {child.returncode}:\n{errors}")
    if taking and taking.wait() != 0:
        sys.exit(f"error: what {' '.join(command)} gave could not be read")
    scale = 2**20 if platform.system() == "Darwin" else 2**10
    cpu = usage.ru_utime + usage.ru_stime
    told = {"output": output, "errors": errors}
    return {"seconds": seconds, "cpu": cpu, "mib": usage.ru_maxrss / scale, **told}


def inner_seconds(measured):
    """Seconds without the start of Python and the opening of the store, where they were told."""
    output = measured["output"]
    return json.loads(output).get("seconds") if output.startswith("{") else None


def summed(result, peers, mine):
    for side, rounds in [("peer", peers), ("ours", mine)]:
        if rounds:
            seconds = [it["seconds"] for it in rounds]
            result[side] = {
                "seconds": statistics.median(seconds),
                "all": seconds,
                "cpu": statistics.median(it["cpu"] for it in rounds),
                "mib": statistics.median(it["mib"] for it in rounds),
            }
            inner = [seconds for it in rounds if (seconds := inner_seconds(it))]
            if inner:
                result[side]["inner_seconds"] = statistics.median(inner)
    if mine:
        result["ratio"] = result["peer"]["seconds"] / result["ours"]["seconds"]
        result["memory_ratio"] = result["peer"]["mib"] / result["ours"]["mib"]
    return result


FORM = "{:<40} {:>8} {:>8} {:>8} {:>8} {:>7} {:>9} {:>9} {:>7} {:>11}"


def print_header():
    print("`inner`: the seconds without the start of Python and the opening of the store")
    seconds = ["peer s", "inner s", "ours s", "inner s", "ratio"]
    memory = ["peer MiB", "ours MiB", "ratio"]
    print(FORM.format("", *seconds, *memory, "ours rows/s"))


def name(result):
    where = f"{result['graph']} {result['engine']} {result['rows']:,}" if result["rows"] else ""
    return f"{result['what']} {where}".strip()


def print_result(result):
    theirs, mine = result["peer"], result.get("ours")

    def inner(side):
        return f"{side['inner_seconds']:.3f}" if "inner_seconds" in side else "-"

    cells = [name(result), f"{theirs['seconds']:.3f}", inner(theirs), "-", "-", "-"]
    cells += [f"{theirs['mib']:.0f}", "-", "-"]
    if mine:
        cells[3:6] = f"{mine['seconds']:.3f}", inner(mine), f"{result['ratio']:.1f}x"
        cells[7:9] = f"{mine['mib']:.0f}", f"{result['memory_ratio']:.1f}x"
    rate = f"{result['rows'] / mine['seconds']:,.0f}" if mine and result["rows"] else "-"
    print(FORM.format(*cells, rate), flush=True)
    if "cores" in theirs:
        used = f"peer {theirs['cores']:.1f}, ours {mine['cores']:.1f}"
        print(f"    cores at work: {used}", flush=True)


def machine():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "system": platform.platform(), "python": platform.python_version()}


if __name__ == "__main__":
    main()
