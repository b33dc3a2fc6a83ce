"""Loading the modules in which a project's features are."""

from collections.abc import Sequence
from pathlib import Path

from metalith import entrypoints as _entrypoints
from metalith.entrypoints import (
    EntrypointLoadError,
    load_entrypoints,
    load_module_entrypoint,
)
from metalith.graph import FeatureGraph

from metaxy.config import MetaxyConfig
from metaxy.utils.lock_file import load_lock_file

__all__ = [
    "DEFAULT_ENTRY_POINT_GROUP",
    "EntrypointLoadError",
    "init",
    "load_entrypoints",
    "load_env_entrypoints",
    "load_features",
    "load_module_entrypoint",
    "load_package_entrypoints",
]

DEFAULT_ENTRY_POINT_GROUP = "metaxy.project"
VARIABLES = "METAXY_ENTRYPOINT"


def load_package_entrypoints(
    group: str = DEFAULT_ENTRY_POINT_GROUP,
    *,
    graph: FeatureGraph | None = None,
    filter_project: str | None = None,
) -> None:
    """Imports what installed packages name."""
    _entrypoints.load_package_entrypoints(group, graph=graph, filter_project=filter_project)


def load_env_entrypoints() -> None:
    """Imports what variables name that start with `METAXY_ENTRYPOINT`."""
    _entrypoints.load_env_entrypoints(VARIABLES)


def load_features(
    entrypoints: Sequence[str] | None = None,
    package_entrypoint_group: str = DEFAULT_ENTRY_POINT_GROUP,
    *,
    load_packages: bool = True,
    load_env: bool = True,
    filter_project: str | None = None,
) -> FeatureGraph:
    """Loads everything that the configuration, packages and variables name: the active graph."""
    return _entrypoints.load_features(
        entrypoints,
        package_entrypoint_group,
        load_packages=load_packages,
        load_env=load_env,
        filter_project=filter_project,
        env_prefix=VARIABLES,
    )


def init(
    config: "MetaxyConfig | Path | str | None" = None,
    search_parents: bool = True,
    *,
    isolated: bool = False,
) -> MetaxyConfig:
    """Reads `metaxy.toml`, makes it the active configuration, and loads the features it names.

    Those of other projects are taken from `metaxy.lock`, if there is one.
    """
    if isinstance(config, MetaxyConfig):
        MetaxyConfig.set(config)
        loaded = config
    else:
        loaded = MetaxyConfig.load(config, search_parents=search_parents)
    load_lock_file(loaded)
    load_features(filter_project=loaded.project if isolated else None)
    return loaded
