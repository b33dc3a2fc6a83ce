"""Frames in memory."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
from metalith.frames import collect_to_arrow, collect_to_polars

__all__ = ["collect_to_arrow", "collect_to_polars", "last_of_each"]


def last_of_each(rows: Any, ids: Sequence[str]) -> Any:
    """The last row of each sample; `None` if no sample has several, or rows can be read but once.

    >>> import polars as pl
    >>> last_of_each(pl.DataFrame({"id": ["a", "b", "a"], "n": [1, 2, 3]}), ["id"])["n"].to_list()
    [2, 3]
    """
    frame: Any = nw.from_native(rows, pass_through=True)
    if not isinstance(frame, (nw.DataFrame, nw.LazyFrame)):
        return None
    found = frame.lazy().collect()
    if not set(ids) <= set(found.columns):
        return None
    kept = found.unique(list(ids), keep="last", maintain_order=True)
    return None if len(kept) == len(found) else nw.to_native(kept)
