"""Our side of the benchmark: the project folder and the command lines, all in one place."""

import json
from pathlib import Path

import peer

CONFIG = """\
project = "bench"
store = "dev"
features = ["features.toml"]

[stores.dev]
{store}

[hash]
algorithm = "{algorithm}"
length = {length}
"""

DELTA = 'path = "store"'
DUCKDB = 'type = "duckdb"\npath = "store.duckdb"\ndriver = {driver}'


def in_duckdb(databases):
    """A store in DuckDB, by the library in a folder of drivers."""
    driver = next(databases.glob("duckdb/node_modules/@duckdb/*/libduckdb.so"))
    return DUCKDB.format(driver=json.dumps(str(driver)))


def make_project(folder, graph, engine, length=peer.HASH_LENGTH, store=DELTA):
    """A project with the same graph, hashing as the peer does on this engine."""
    folder.mkdir(parents=True)
    config = CONFIG.format(algorithm=peer.HASHES[engine], length=length, store=store)
    (folder / "metalith.toml").write_text(config)
    roots = peer.ROOTS[graph]
    leaf, fields = peer.LEAVES[graph]
    parts = [feature(key, fields, []) for key, fields in roots.items()]
    (folder / "features.toml").write_text("\n".join([*parts, feature(leaf, fields, list(roots))]))


def feature(key, fields, deps):
    return (
        "[[features]]\n"
        f'key = "{key}"\n'
        'id_columns = ["sample_uid"]\n'
        f"fields = {json.dumps(fields)}\n"
        f"deps = {json.dumps(deps)}\n"
    )


class Metalith:
    """The commands that are measured."""

    def __init__(self, binary, project):
        self.start = [str(binary), "--project", str(project), "--quiet"]

    def write(self, key, file):
        return [*self.start, "metadata", "write", key, str(file)]

    def read(self, key):
        """A stream of Arrow to whoever called."""
        return [*self.start, "metadata", "read", key, "--output", "-"]

    def work(self, key):
        """A stream of new and stale samples to whoever called, and counts on standard error."""
        return [*self.start, "--json", "metadata", "resolve", key, "--output", "-"]

    def resolve(self, key, folder):
        """Files of new, stale and orphaned samples."""
        output = ["--output-dir", str(folder), "--format", "arrow"]
        return [*self.start, "--json", "metadata", "resolve", key, *output]

    def seed(self, graph, case, data, scratch: Path):
        """The commands that bring a fresh store to where the case begins."""
        roots = list(peer.ROOTS[graph])
        leaf = peer.LEAVES[graph][0]
        for number, root in enumerate(roots):
            yield self.write(root, data / f"root_{number}.parquet")
        if case == "stale":
            yield self.resolve(leaf, scratch)
            yield self.write(leaf, scratch / "new.arrow")
            yield self.write(roots[0], data / "bumped.parquet")
