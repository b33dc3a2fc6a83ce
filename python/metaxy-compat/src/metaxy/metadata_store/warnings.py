"""Warnings of stores."""


class PolarsMaterializationWarning(UserWarning):
    """A database does not find an increment itself, since not everything is in it."""


class MetaxyColumnMissingWarning(UserWarning):
    """Rows lack a column that is computed instead."""
