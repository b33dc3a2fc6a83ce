"""What code works with that names nothing else: the active graph, the active configuration."""

import contextlib
from collections.abc import Generator
from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T")


class Active(Generic[T]):
    """A value for all threads, over which a block may put another for its own thread or task.

    >>> name = Active("name", "everybody's")
    >>> with name.use("mine"):
    ...     name.get()
    'mine'
    >>> name.get()
    "everybody's"
    """

    def __init__(self, name: str, everywhere: T) -> None:
        self._here: ContextVar[T | None] = ContextVar(f"metalith_{name}", default=None)
        self.everywhere = everywhere

    def get(self) -> T:
        """The innermost block's value, else the one for all threads."""
        here = self._here.get()
        return self.everywhere if here is None else here

    def set(self, value: T) -> None:
        """Replaces the active value: within a block until its end, else everywhere."""
        if self._here.get() is None:
            self.everywhere = value
        else:
            self._here.set(value)

    @contextlib.contextmanager
    def use(self, value: T) -> Generator[T]:
        """Makes a value the active one in a block, for this thread or task alone."""
        token = self._here.set(value)
        try:
            yield value
        finally:
            self._here.reset(token)
