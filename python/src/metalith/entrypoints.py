"""Loading the modules in which a project's features are.

They are named in the configuration (`entrypoints`), by installed packages (entry points of the
group `metalith.project`), and by variables that start with `METALITH_ENTRYPOINT`.
"""

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from metalith._settings import expand, find_file, read_toml
from metalith.errors import MetalithError

if TYPE_CHECKING:
    # The command asks for entry points even where there are none: it must not wait for the rest.
    from metalith.config import BaseConfig
    from metalith.graph import FeatureGraph

GROUP = "metalith.project"
VARIABLES = "METALITH_ENTRYPOINT"


class EntrypointLoadError(MetalithError, ImportError):
    """A module with features could not be loaded."""

    kind = "invalid"


def find_entrypoints(project: str | os.PathLike[str] | None = None) -> list[str]:
    """The modules that a project's configuration, packages and variables name, not loaded.

    `project` is a folder or a `metalith.toml`; without it the file is looked for from here up.
    """
    found = [*_in_file(project), *(it.module for it in entry_points(group=GROUP))]
    for variable in _variables(VARIABLES):
        found += _listed(os.environ[variable])
    return list(dict.fromkeys(found))


def declared_features(
    project: str | os.PathLike[str] | None = None, *, from_here: bool = False
) -> "FeatureGraph | None":
    """The features that a project declares in Python; `None` without any.

    They are loaded into the active graph, all of which counts then. A project without any never
    loads the modules of this package that declare features. With `from_here`, modules are looked
    for in the current folder first, as they are for a script there.
    """
    entrypoints = find_entrypoints(project)
    if not entrypoints:
        return None
    if from_here:
        sys.path.insert(0, str(Path.cwd()))
    return load_features(entrypoints)


def _in_file(project: str | os.PathLike[str] | None) -> list[str]:
    if project is None:
        file = find_file(Path.cwd(), ["metalith.toml"], "metalith", parents=True)
    else:
        file = Path(project)
        file = file / "metalith.toml" if file.is_dir() else file
    if file is None or not file.is_file():
        return []
    tree = read_toml(file)
    if file.name == "pyproject.toml":
        tree = cast("dict[str, Any]", tree["tool"]["metalith"])
    named: Any = expand(tree.get("entrypoints", []), file, None)
    return _listed(named) if isinstance(named, str) else [str(it) for it in named]


def _variables(prefix: str) -> list[str]:
    return sorted(it for it in os.environ if it.startswith(prefix))


def load_module_entrypoint(module_path: str, *, graph: "FeatureGraph | None" = None) -> None:
    """Imports a module, so that its features are in the graph, by default the active one.

    >>> load_module_entrypoint("json")
    """
    with graph.use() if graph is not None else contextlib.nullcontext():
        try:
            importlib.import_module(module_path)
        except Exception as problem:
            raise EntrypointLoadError(
                f"the module `{module_path}` with features could not be loaded: "
                f"{type(problem).__name__}: {problem}",
                hint="check the name, and that its package is installed or on the path",
            ) from problem


def load_entrypoints(entrypoints: Iterable[str], *, graph: "FeatureGraph | None" = None) -> None:
    """Imports several modules."""
    for module_path in entrypoints:
        load_module_entrypoint(module_path, graph=graph)


def load_package_entrypoints(
    group: str = GROUP,
    *,
    graph: "FeatureGraph | None" = None,
    filter_project: str | None = None,
    installed: Iterable[EntryPoint] | None = None,
) -> None:
    """Imports what installed packages name; with `filter_project` only that project and what it
    requires. `installed` is what they name, where it was looked for already."""
    found: Sequence[EntryPoint] = list(
        entry_points(group=group) if installed is None else installed
    )
    if filter_project is not None:
        allowed = _required_by(filter_project)
        found = [it for it in found if allowed is None or _distribution(it) in allowed]
    with graph.use() if graph is not None else contextlib.nullcontext():
        for entry in sorted(found, key=lambda it: (it.name, it.value)):
            try:
                entry.load()
            except Exception as problem:
                raise EntrypointLoadError(
                    f"the entry point `{entry.name} = {entry.value}` of group `{group}` could not "
                    f"be loaded: {type(problem).__name__}: {problem}"
                ) from problem


def load_env_entrypoints(prefix: str = VARIABLES) -> None:
    """Imports what variables name, several in one with commas between them."""
    for variable in _variables(prefix):
        load_entrypoints(_listed(os.environ[variable]))


def _listed(text: str) -> list[str]:
    if text.lstrip().startswith("["):
        return [str(it) for it in json.loads(text)]
    return [it.strip() for it in text.split(",") if it.strip()]


def load_features(
    entrypoints: Sequence[str] | None = None,
    package_entrypoint_group: str = GROUP,
    *,
    load_packages: bool = True,
    load_env: bool = True,
    filter_project: str | None = None,
    env_prefix: str = VARIABLES,
) -> "FeatureGraph":
    """Loads everything that the configuration, packages and variables name: the active graph."""
    from metalith.config import active_config
    from metalith.graph import FeatureGraph

    load_entrypoints(active_config().entrypoints if entrypoints is None else entrypoints)
    if load_packages:
        load_package_entrypoints(package_entrypoint_group, filter_project=filter_project)
    if load_env:
        load_env_entrypoints(env_prefix)
    return FeatureGraph.get_active()


def init(
    config: "BaseConfig | Path | str | None" = None,
    search_parents: bool = True,
    *,
    isolated: bool = False,
) -> "BaseConfig":
    """Reads the configuration, makes it the active one, and loads the features it names.

    With `isolated`, of installed packages only the project's own and those it requires.
    """
    from metalith.config import BaseConfig, MetalithConfig

    if isinstance(config, BaseConfig):
        type(config).set(config)
        loaded = config
    else:
        loaded = MetalithConfig.load(config, search_parents=search_parents)
    load_features(filter_project=loaded.project if isolated else None)
    return loaded


def _required_by(project: str) -> frozenset[str] | None:
    """A distribution and what it requires, and so on; `None` when it is not installed."""
    from importlib.metadata import PackageNotFoundError, requires

    seen: set[str] = set()
    todo = [_plain(project)]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            if not seen:
                return None
            continue
        seen.add(name)
        todo.extend(_requirement(it) for it in needed)
    return frozenset(seen)


def _requirement(text: str) -> str:
    end = next((at for at, it in enumerate(text) if not (it.isalnum() or it in "._-")), len(text))
    return _plain(text[:end])


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _distribution(entry: EntryPoint) -> str | None:
    return None if entry.dist is None else _plain(entry.dist.name)
