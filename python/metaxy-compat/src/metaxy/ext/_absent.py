"""Stores that Metalith does not have."""

from typing import Any

from metalith._metalith import Place
from metalith.errors import UnsupportedError
from metalith.stores import MetadataStore


def absent(name: str) -> type[MetadataStore]:
    """A class of a store that says that it is not there when it is made."""

    class Absent(MetadataStore):
        def __init__(self, *_: Any, **__: Any) -> None:
            raise UnsupportedError(
                f"`{name}` is not there",
                code="metaxy.store",
                hint="keep metadata in a `DeltaMetadataStore` or a `DuckDBMetadataStore`",
            )

        def _place(self) -> Place:
            raise NotImplementedError

        def display(self) -> str:
            return name

    Absent.__name__ = Absent.__qualname__ = name
    return Absent
