"""Errors of features of other projects."""

from metalith.definition import ExternalFeatureVersionMismatchError

__all__ = ["ExternalFeatureVersionMismatchError"]
