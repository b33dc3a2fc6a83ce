"""Which features are meant: some by key, all of some projects, or all.

>>> (FeatureSelection(keys=["a", "b"]) - FeatureSelection(keys=["b"])).keys
[a]
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator
from typing_extensions import Self

from metalith.keys import CoercibleToFeatureKey, FeatureKey, ValidatedFeatureKeySequence

T = TypeVar("T")


class FeatureSelection(BaseModel):
    """Features by key, by project, or all. Selections can be put together with `|`, `&` and `-`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    projects: list[str] | None = None
    keys: ValidatedFeatureKeySequence | None = None
    all: bool | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            projects: Sequence[str] | None = ...,
            keys: Sequence[CoercibleToFeatureKey] | None = ...,
            all: bool | None = ...,
        ) -> None: ...

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.projects is None and self.keys is None and not self.all:
            raise ValueError(
                "At least one of `projects`, `keys` and `all` must be given; an empty selection "
                "is `keys=[]`"
            )
        return self

    @property
    def is_empty(self) -> bool:
        """Whether it selects nothing, whatever there is."""
        return not (self.all or self.projects or self.keys)

    def selects(self, key: FeatureKey, project: str) -> bool:
        """Whether a feature is meant."""
        return bool(self.all) or project in (self.projects or []) or key in (self.keys or [])

    def __or__(self, other: "FeatureSelection") -> "FeatureSelection":
        if self.all or other.all:
            return FeatureSelection(all=True)
        return _selection(_union(self.projects, other.projects), _union(self.keys, other.keys))

    def __and__(self, other: "FeatureSelection") -> "FeatureSelection":
        if self.all:
            return other
        if other.all:
            return self
        return _selection(
            [it for it in self.projects or [] if it in (other.projects or [])],
            [it for it in self.keys or [] if it in (other.keys or [])],
        )

    def __sub__(self, other: "FeatureSelection") -> "FeatureSelection":
        if other.all:
            return FeatureSelection(keys=[])
        if self.all:
            if other.is_empty:
                return self
            raise ValueError("`all` less some cannot be written as a selection: name what is left")
        return _selection(
            [it for it in self.projects or [] if it not in (other.projects or [])],
            [it for it in self.keys or [] if it not in (other.keys or [])],
        )


def _selection(projects: list[str], keys: list[FeatureKey]) -> FeatureSelection:
    if not projects and not keys:
        return FeatureSelection(keys=[])
    return FeatureSelection(projects=projects or None, keys=keys or None)


def _union(first: list[T] | None, second: list[T] | None) -> list[T]:
    # In order, each once.
    return list(dict.fromkeys([*(first or []), *(second or [])]))
