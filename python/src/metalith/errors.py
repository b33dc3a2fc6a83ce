"""What goes wrong, as Python sees it.

Every error says what was wrong and where; `hint` says what to do next. The class of an error
follows its `kind`, so that a caller can react to it:

| class | react by |
|---|---|
| `InvalidError` | changing the call |
| `NotFoundError` | checking the name |
| `BlockedError` | looking at what stands in the way; `str(error)` lists it |
| `ConflictError` | trying again: somebody else changed the same thing |
| `UnavailableError` | trying later |
| `CorruptError` | stopping, and looking at what is stored |
| `UnsupportedError` | using another store: this one cannot do it |
| `DefectError` | reporting it |
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metalith.keys import FeatureKey


class MetalithError(Exception):
    """Any failure of this package."""

    kind = "internal"

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\n\nhint: {hint}")
        self.message = message
        self.code = code
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuilt, (type(self), self.message, self.code, self.hint))


def _rebuilt(
    cls: type[MetalithError], message: str, code: str | None, hint: str | None
) -> MetalithError:
    return cls(message, code=code, hint=hint)


class InvalidError(MetalithError, ValueError):
    """The call makes no sense as it is."""

    kind = "invalid"


class NotFoundError(MetalithError, LookupError):
    """Something that was named is not there."""

    kind = "not-found"


class BlockedError(MetalithError):
    """Something protects what would be changed; nothing has happened."""

    kind = "blocked"


class ConflictError(MetalithError):
    """Somebody else changed the same thing at the same time."""

    kind = "conflict"


class UnavailableError(MetalithError, OSError):
    """Storage cannot be reached, or has no room."""

    kind = "unavailable"


class CorruptError(MetalithError):
    """Stored data contradicts itself."""

    kind = "corrupt"


class UnsupportedError(MetalithError, NotImplementedError):
    """The store, or this build of the engine, cannot do it."""

    kind = "unsupported"


class DefectError(MetalithError, RuntimeError):
    """A defect of Metalith itself."""

    kind = "internal"


class GraphError(InvalidError):
    """Features do not fit together, or a feature does not have what was asked for."""


class UnknownFeatureError(GraphError, NotFoundError):
    """The graph has no such feature."""

    kind = "not-found"


class FilterError(InvalidError):
    """A filter cannot be evaluated, or not with these columns."""


class MetadataSchemaError(InvalidError):
    """Rows cannot be written as they are: a column is missing, doubled or of the wrong type."""


class FeatureNotFoundError(NotFoundError):
    """A feature has no table in the store, or is not on record there."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        keys: "Sequence[FeatureKey]" = (),
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.keys = list(keys)


class StoreNotOpenError(InvalidError):
    """The store is not open, or not for writing."""


_BY_CODE: dict[str, type[MetalithError]] = {
    "graph.unknown-feature": UnknownFeatureError,
    "store.no-table": FeatureNotFoundError,
    "store.rows": MetadataSchemaError,
}
_BY_AREA: dict[str, type[MetalithError]] = {"graph": GraphError, "expr": FilterError}
_BY_KIND: dict[str, type[MetalithError]] = {
    cls.kind: cls
    for cls in (
        InvalidError,
        NotFoundError,
        BlockedError,
        ConflictError,
        UnavailableError,
        CorruptError,
        UnsupportedError,
        DefectError,
    )
}


def from_engine(kind: str, code: str, message: str, hint: str | None) -> MetalithError:
    """The error for what the engine reports. Called by the engine alone."""
    cls = _BY_CODE.get(code)
    if cls is None and kind == "invalid":
        cls = _BY_AREA.get(code.partition(".")[0])
    return (cls or _BY_KIND.get(kind, DefectError))(message, code=code, hint=hint)
