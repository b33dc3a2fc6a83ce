"""Errors: Metalith's, by their names in Metaxy."""

from metalith.errors import GraphError as MetaxyMissingFeatureDependency
from metalith.errors import InvalidError as MetaxyEmptyCodeVersionError
from metalith.errors import InvalidError as MetaxyInvariantViolationError
from metalith.errors import MetalithError as MetaxyError

__all__ = [
    "MetaxyEmptyCodeVersionError",
    "MetaxyError",
    "MetaxyInvariantViolationError",
    "MetaxyMissingFeatureDependency",
]
