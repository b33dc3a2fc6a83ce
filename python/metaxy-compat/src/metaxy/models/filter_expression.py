"""Filters in text as expressions of Narwhals."""

from typing import Any

from metalith.errors import FilterError as FilterParseError
from metalith.filter_text import to_narwhals
from narwhals import Expr
from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["FilterParseError", "NarwhalsFilter", "parse_filter_string"]


def parse_filter_string(filter_string: str) -> Expr:
    """The expression that a text stands for."""
    try:
        return to_narwhals(filter_string)
    except FilterParseError as error:
        what = f"Unsupported expression: {error.message}"
        raise FilterParseError(what, code=error.code, hint=error.hint) from error


class NarwhalsFilter(BaseModel):
    """A filter that can be written down, and read.

    >>> NarwhalsFilter.model_validate("a > 1").expression
    'a > 1'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    expression: str
    source: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, given: Any) -> Any:
        return {"expression": given, "source": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _is_filter(self) -> "NarwhalsFilter":
        parse_filter_string(self.expression)
        return self

    def to_expr(self) -> Expr:
        """The expression."""
        return parse_filter_string(self.expression)
