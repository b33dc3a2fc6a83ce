"""The `metaxy` command: on the project of a `metaxy.toml`, what Metaxy's does, and Metalith's."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metalith.__main__ import run
from metalith._settings import to_toml
from metalith.errors import MetalithError
from metalith.store_config import store_class

from metaxy import command
from metaxy.cli.dotenv import variables_in
from metaxy.config import MetaxyConfig
from metaxy.entrypoints import load_features
from metaxy.ext.ibis.metadata_store import IbisMetadataStore
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore
from metaxy.utils.external_features import sync_external_features
from metaxy.utils.lock_file import load_lock_file
from metaxy.words import tell_done, translated


def main(given_arguments: Sequence[str] | None = None) -> int:
    """Runs the command, by default with the arguments of the process; returns its exit code."""
    given, arguments = _global_options().parse_known_args(
        sys.argv[1:] if given_arguments is None else list(given_arguments)
    )
    if arguments[:1] in (["push"], ["lock"]) and (given.project or given.all_projects):
        print("error: this records the project of `metaxy.toml` and no other", file=sys.stderr)
        return 1
    for name, value in variables_in(Path(".env")).items():
        os.environ.setdefault(name, value)
    try:
        config = MetaxyConfig.load(given.config_file)
        if given.project is not None:
            config = config.with_project(given.project)
        if given.all_projects:
            config = config.with_project(None)
        MetaxyConfig.set(config)
        # As Python does for a script: modules of the project are found from its folder.
        sys.path.insert(0, str(Path.cwd()))
        # What is to be written anew has no say in it.
        if arguments[:1] != ["lock"]:
            load_lock_file(config)
        graph = load_features()
        if given.sync:
            mismatch = "error" if given.locked else None
            sync_external_features(config.get_store(), on_version_mismatch=mismatch)
        found = command.find(arguments)
        if found is not None:
            work, rest = found
            return work(config, rest)
        commands = translated(arguments or ["--help"], config)
    except MetalithError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    declared = json.dumps(graph.declarations())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "metalith.toml"
        file.write_text(to_toml(settings(config)))
        place = ["--project", str(file)]
        code = max(run([*it, *place], declared, program="metaxy") for it in commands)
    if code == 0:
        tell_done(arguments, commands)
    return code


def _global_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-file", type=Path)
    parser.add_argument("--project")
    for name in ("--all-projects", "--sync", "--locked"):
        parser.add_argument(name, action=argparse.BooleanOptionalAction, default=False)
    return parser


def settings(config: MetaxyConfig) -> dict[str, Any]:
    """A configuration in the form that Metalith's command reads."""
    found: dict[str, Any] = {"store": config.store, "features": []}
    if config.project is not None:
        found["project"] = config.project
    hashing: dict[str, Any] = {"length": config.hash_length}
    stores: dict[str, Any] = {}
    for name, given in config.stores.items():
        cls = store_class(name, given.type)
        if not issubclass(cls, DeltaMetadataStore | IbisMetadataStore):
            continue
        store = config.get_store(name)
        place: dict[str, Any] = store.settings
        if "path" in place:
            place["path"] = str(Path(place["path"]).absolute())
        behind = [it for it in given.config.get("fallback_stores") or () if isinstance(it, str)]
        stores[name] = {**place, **({"fallback_stores": behind} if behind else {})}
        # There is one for all of them.
        if name == config.store or "algorithm" not in hashing:
            hashing["algorithm"] = store.hash_algorithm
    return {**found, "hash": hashing, "stores": stores}


if __name__ == "__main__":
    sys.exit(main())
