"""Warnings of stores. There is one engine, so nothing warns of another."""


class PolarsMaterializationWarning(UserWarning):
    """Rows are computed in memory."""


class MetaxyColumnMissingWarning(UserWarning):
    """Rows lack a column that is computed instead."""
