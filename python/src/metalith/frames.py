"""Frames in and out: anything Narwhals or Arrow knows goes in, Narwhals over Polars comes out."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals as nw

from metalith.errors import MetadataSchemaError

if TYPE_CHECKING:
    from metalith._metalith import Frame

IntoRows: TypeAlias = Any
"""A frame of Narwhals, Polars, pandas, PyArrow, DuckDB or Ibis, or whatever else has
`__arrow_c_stream__`. Lazy ones are computed."""


def to_arrow(rows: IntoRows) -> Any:
    """Something with `__arrow_c_stream__`, without a copy where the memory allows.

    >>> import polars as pl
    >>> hasattr(to_arrow(pl.LazyFrame({"id": ["1"]})), "__arrow_c_stream__")
    True
    """
    native = nw.to_native(rows, pass_through=True)
    module = type(native).__module__.partition(".")[0]
    if module == "pandas":
        return _from_pandas(native)
    if module in ("polars", "duckdb", "ibis", "dask", "pyspark", "sqlframe", "daft", "modin"):
        frame = nw.from_native(native)
        collected = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
        return nw.to_native(collected)
    if hasattr(native, "__arrow_c_stream__"):
        return native
    raise MetadataSchemaError(
        f"a `{type(native).__module__}.{type(native).__qualname__}` is not a frame",
        code="store.rows",
        hint="pass a frame of Polars, pandas, PyArrow, DuckDB, Ibis or any other Arrow producer",
    )


def _from_pandas(native: Any) -> Any:
    if find_spec("pyarrow") is None:
        raise MetadataSchemaError(
            "rows of pandas need PyArrow to become Arrow",
            code="store.rows",
            hint="install it with `pip install 'metalith[pandas]'`",
        )
    # The index is no column: what names a sample is in the id columns.
    return _pyarrow().Table.from_pandas(native, preserve_index=False)


def _pyarrow() -> Any:
    # It has no types.
    return import_module("pyarrow")


def has_polars() -> bool:
    """Whether rows come as frames of Polars, which keeps texts as views."""
    return find_spec("polars") is not None


def to_narwhals(frame: "Frame") -> nw.DataFrame[Any]:
    """The engine's rows as a Narwhals frame: over Polars if it is there, else over PyArrow."""
    if has_polars():
        import polars as pl

        return nw.from_native(pl.DataFrame(frame.with_views()), eager_only=True)
    if find_spec("pyarrow") is not None:
        return nw.from_native(_pyarrow().table(frame), eager_only=True)
    raise ImportError("reading samples needs Polars or PyArrow: `pip install 'metalith[polars]'`")


def collect_to_polars(frame: IntoRows) -> Any:
    """Any frame as a `polars.DataFrame`."""
    import polars as pl

    return pl.DataFrame(to_arrow(frame))


def collect_to_arrow(frame: IntoRows) -> Any:
    """Any frame as a `pyarrow.Table`."""
    return _pyarrow().table(to_arrow(frame))
