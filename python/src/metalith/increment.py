"""What to compute, to recompute, and to consider deleting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals as nw

from metalith.frames import collect_to_polars, to_narwhals

if TYPE_CHECKING:
    import polars as pl

    from metalith import _metalith

Eager = nw.DataFrame[Any]
Lazy = nw.LazyFrame[Any]


class PolarsIncrement(NamedTuple):
    """An increment as frames of Polars."""

    new: "pl.DataFrame"
    stale: "pl.DataFrame"
    orphaned: "pl.DataFrame"


class _Increment(NamedTuple):
    new: Eager
    stale: Eager
    orphaned: Eager


class Increment(_Increment):
    """New, stale and orphaned samples of a feature.

    `new` and `stale` hold ids, the upstreams' columns and the version columns: work them off and
    write them back. `orphaned` holds stored rows whose upstream is gone. Those of them that only
    `wait` for an upstream to be written again under its new definition are in `waiting` as well;
    do not take them for garbage. `is_native` says whether a database found them itself.
    """

    waiting: Eager
    is_native: bool

    def __new__(
        cls,
        new: Eager,
        stale: Eager,
        orphaned: Eager,
        waiting: Eager | None = None,
        is_native: bool = False,
    ) -> "Increment":
        made = super().__new__(cls, new, stale, orphaned)
        made.waiting = orphaned.head(0) if waiting is None else waiting
        made.is_native = is_native
        return made

    @classmethod
    def of(
        cls,
        found: "_metalith.Increment",
        to_frame: "Callable[[_metalith.Frame], Eager]" = to_narwhals,
    ) -> "Increment":
        """The engine's increment as frames of Narwhals."""
        frames = (found.new, found.stale, found.orphaned, found.waiting)
        return cls(*map(to_frame, frames), is_native=found.is_native)

    @property
    def added(self) -> Eager:
        """Another name of `new`."""
        return self.new

    @property
    def changed(self) -> Eager:
        """Another name of `stale`."""
        return self.stale

    @property
    def removed(self) -> Eager:
        """Another name of `orphaned`."""
        return self.orphaned

    def collect(self) -> "Increment":
        """The same: it is collected."""
        return self

    def lazy(self) -> "LazyIncrement":
        """The same with lazy frames."""
        return LazyIncrement(
            new=self.new.lazy(),
            stale=self.stale.lazy(),
            orphaned=self.orphaned.lazy(),
            waiting=self.waiting.lazy(),
        )

    def to_polars(self) -> PolarsIncrement:
        """The three frames as frames of Polars."""
        return PolarsIncrement(*(collect_to_polars(frame) for frame in self))

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(frame)} {name}" for name, frame in self._asdict().items())
        return f"<Increment: {sizes}>"


@dataclass(kw_only=True)
class PolarsLazyIncrement:
    """An increment as lazy frames of Polars."""

    new: "pl.LazyFrame"
    stale: "pl.LazyFrame"
    orphaned: "pl.LazyFrame"
    input: "pl.LazyFrame | None" = None

    def collect(self) -> PolarsIncrement:
        """The frames, computed together."""
        import polars as pl

        return PolarsIncrement(*pl.collect_all([self.new, self.stale, self.orphaned]))


@dataclass(kw_only=True)
class LazyIncrement:
    """An increment as lazy frames."""

    new: Lazy
    stale: Lazy
    orphaned: Lazy
    input: Lazy | None = None
    waiting: Lazy | None = None

    @property
    def added(self) -> Lazy:
        """Another name of `new`."""
        return self.new

    @property
    def changed(self) -> Lazy:
        """Another name of `stale`."""
        return self.stale

    @property
    def removed(self) -> Lazy:
        """Another name of `orphaned`."""
        return self.orphaned

    def collect(self, **options: Any) -> Increment:
        """The frames in memory."""
        collected = [it.collect(**options) for it in (self.new, self.stale, self.orphaned)]
        waiting = None if self.waiting is None else self.waiting.collect(**options)
        return Increment(*collected, waiting=waiting)

    def to_polars(self) -> PolarsLazyIncrement:
        """The frames as lazy frames of Polars."""
        lazy = [collect_to_polars(it).lazy() for it in (self.new, self.stale, self.orphaned)]
        given = None if self.input is None else collect_to_polars(self.input).lazy()
        return PolarsLazyIncrement(new=lazy[0], stale=lazy[1], orphaned=lazy[2], input=given)
