"""Projects by package."""

import sys

from metalith.feature import PROJECT_ATTRIBUTES


def detect_project_from_package(module_name: str) -> str | None:
    """The project of a module: what its top-level package says, else that package's name."""
    package = module_name.partition(".")[0]
    module = sys.modules.get(package)
    for attribute in PROJECT_ATTRIBUTES:
        given = getattr(module, attribute, None)
        if isinstance(given, str):
            return given
    return package or None
