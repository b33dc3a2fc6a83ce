"""The drivers of databases that packages in this environment bring.

Only where they are is looked for: nothing is imported.
"""

from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

# The package of Python that has a driver, as its extra is called here, too.
_PACKAGES = {"sqlite": "adbc_driver_sqlite", "postgresql": "adbc_driver_postgresql"}
# DuckDB's own library for Python speaks ADBC. It has had two names.
_LIBRARIES_OF_DUCKDB = ("_duckdb", "duckdb.duckdb")


def installed_driver(database: str) -> str | None:
    """The library of a database's driver; `None` if no package here has one."""
    if database == "duckdb":
        found = (_spec(name) for name in _LIBRARIES_OF_DUCKDB)
        return next((spec.origin for spec in found if spec is not None and spec.has_location), None)
    package = _PACKAGES.get(database)
    spec = None if package is None else _spec(package)
    if spec is None or spec.origin is None:
        return None
    library = Path(spec.origin).with_name(f"lib{package}.so")
    return str(library) if library.is_file() else None


def driver_variables() -> dict[str, str]:
    """The variables that name the libraries there are to the engine."""
    found = {it: installed_driver(it) for it in ("duckdb", *_PACKAGES)}
    return {f"METALITH_DRIVERS__{it.upper()}": path for it, path in found.items() if path}


def _spec(module: str) -> ModuleSpec | None:
    try:
        return find_spec(module)
    except (ImportError, ValueError):
        # A module within a package that is not there, or that was made by hand.
        return None
