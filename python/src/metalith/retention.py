"""How long samples are kept. It changes no version: it is about stores, not about samples.

>>> Retention(keep_deleted="30d").to_engine()
{'keep_deleted': '30d'}
"""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from typing_extensions import Self

_UNITS = "s|second|seconds|m|minute|minutes|h|hour|hours|d|day|days|w|week|weeks|y|year|years"
_AGE = re.compile(rf"\s*[0-9]+\s*(?:{_UNITS})\s*")


def _age(given: Any) -> Any:
    """An age as the engine reads it. The engine has the last word on what the units mean."""
    if isinstance(given, timedelta):
        if given < timedelta(0):
            raise ValueError(f"an age cannot be negative, as {given} is")
        return f"{int(given.total_seconds())}s"
    if isinstance(given, str) and not _AGE.fullmatch(given):
        raise ValueError(
            f"`{given}` is no age: write a number and a unit, e.g. `7d`, `30 days`, `12 hours`"
        )
    return given


Age: TypeAlias = Annotated[str, BeforeValidator(_age)]


class Retention(BaseModel):
    """How long samples of a feature are kept.

    `keep_deleted`: how long deleted samples can be restored; then they go for good.
    `expire_after` and `expire_column`: samples are deleted so long after the time in a column.
    `keep_versions`: rows of how many feature versions are kept, the newest ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_deleted: Age | None = None
    expire_after: Age | None = None
    expire_column: str | None = None
    keep_versions: Annotated[int, Field(ge=1)] | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            keep_deleted: str | timedelta | None = ...,
            expire_after: str | timedelta | None = ...,
            expire_column: str | None = ...,
            keep_versions: int | None = ...,
        ) -> None: ...

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.expire_after is None) != (self.expire_column is None):
            raise ValueError("`expire_after` and `expire_column` go together: give both")
        return self

    def to_engine(self) -> dict[str, Any]:
        """What was given, in the engine's form."""
        return self.model_dump(exclude_none=True)
