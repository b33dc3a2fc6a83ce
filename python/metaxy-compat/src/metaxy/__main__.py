"""The `metaxy` command: that of Metalith, on the project of a `metaxy.toml`."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from metalith import _metalith
from metalith._settings import to_toml
from metalith.errors import MetalithError

from metaxy.config import MetaxyConfig
from metaxy.entrypoints import load_features


def main() -> int:
    """Runs the command; returns its exit code."""
    try:
        config = MetaxyConfig.load()
        # As Python does for a script: modules of the project are found from its folder.
        sys.path.insert(0, str(Path.cwd()))
        declared = json.dumps(load_features().declarations())
    except MetalithError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "metalith.toml"
        file.write_text(to_toml(settings(config)))
        arguments = ["metaxy", *sys.argv[1:], "--project", str(file)]
        return _metalith.run_command(arguments, declared)


def settings(config: MetaxyConfig) -> dict[str, Any]:
    """A configuration in the form that Metalith's command reads."""
    found: dict[str, Any] = {"store": config.store, "features": []}
    if config.project is not None:
        found["project"] = config.project
    hashing: dict[str, Any] = {"length": config.hash_length}
    stores: dict[str, Any] = {}
    for name, store in config.stores.items():
        if not store.type.endswith(".DeltaMetadataStore"):
            continue
        root = str(store.config["root_path"])
        place = {"address": root if "://" in root else str(Path(root).expanduser().absolute())}
        options = {key: str(it) for key, it in store.config.get("storage_options", {}).items()}
        layout = store.config.get("layout", "nested")
        stores[name] = {"type": "delta", **place, "layout": layout, "options": options}
        hashing["algorithm"] = str(store.config.get("hash_algorithm", "xxhash32"))
    return {**found, "hash": hashing, "stores": stores}


if __name__ == "__main__":
    sys.exit(main())
