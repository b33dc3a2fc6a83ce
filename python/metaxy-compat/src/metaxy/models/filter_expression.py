"""Filters in text."""

from metalith._metalith import check_filter
from metalith.errors import FilterError as FilterParseError

__all__ = ["FilterParseError", "parse_filter_string"]


def parse_filter_string(filter_string: str) -> str:
    """A filter as stores take it: the text itself, after a look at whether it is one.

    >>> parse_filter_string("a > 1")
    'a > 1'
    """
    check_filter(filter_string)
    return filter_string
