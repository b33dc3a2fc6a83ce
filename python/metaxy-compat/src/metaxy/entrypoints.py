"""Loading the modules in which a project's features are."""

from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from metalith import entrypoints as _entrypoints
from metalith.entrypoints import EntrypointLoadError
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


def load_module_entrypoint(module_path: str, *, graph: FeatureGraph | None = None) -> None:
    """Imports a module, so that its features are in the graph, by default the active one."""
    try:
        _entrypoints.load_module_entrypoint(module_path, graph=graph)
    except EntrypointLoadError as problem:
        cause = problem.__cause__
        raise EntrypointLoadError(
            f"Failed to import entrypoint module '{module_path}': {cause}", hint=problem.hint
        ) from cause


def load_entrypoints(entrypoints: Iterable[str], *, graph: FeatureGraph | None = None) -> None:
    """Imports several modules."""
    for module_path in entrypoints:
        load_module_entrypoint(module_path, graph=graph)


def load_package_entrypoints(
    group: str = DEFAULT_ENTRY_POINT_GROUP,
    *,
    graph: FeatureGraph | None = None,
    filter_project: str | None = None,
) -> None:
    """Imports what installed packages name."""
    found = entry_points().select(group=group)
    try:
        _entrypoints.load_package_entrypoints(
            group, graph=graph, filter_project=filter_project, installed=found
        )
    except EntrypointLoadError as problem:
        told = f"Failed to load package entrypoint: {problem.message}"
        raise EntrypointLoadError(told, hint=problem.hint) from problem.__cause__


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
    load_entrypoints(MetaxyConfig.get().entrypoints if entrypoints is None else entrypoints)
    if load_packages:
        load_package_entrypoints(package_entrypoint_group, filter_project=filter_project)
    if load_env:
        load_env_entrypoints()
    return FeatureGraph.get_active()


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
