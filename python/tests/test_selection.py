"""Selections of features."""

import pytest
from pydantic import ValidationError

from metalith.keys import FeatureKey
from metalith.selection import FeatureSelection

ALL = FeatureSelection(all=True)
EMPTY = FeatureSelection(keys=[])


def some(*keys: str) -> FeatureSelection:
    return FeatureSelection(keys=keys)


def of(*projects: str) -> FeatureSelection:
    return FeatureSelection(projects=projects)


def test_put_together() -> None:
    assert some("a") | some("b", "a") == some("a", "b")
    assert of("p") | some("a") == FeatureSelection(projects=["p"], keys=["a"])
    assert of("p") | ALL == ALL
    assert EMPTY | EMPTY == EMPTY


def test_what_both_have() -> None:
    assert some("a", "b") & some("b", "c") == some("b")
    assert ALL & of("p") == of("p") & ALL == of("p")
    assert some("a") & some("b") == of("p") & some("a") == EMPTY


def test_one_less_the_other() -> None:
    assert some("a", "b") - some("a") == some("b")
    assert of("p", "q") - of("q") == of("p")
    assert FeatureSelection(projects=["p"], keys=["a"]) - some("a") == of("p")
    assert some("a") - some("a") == some("a") - ALL == ALL - ALL == EMPTY
    assert ALL - EMPTY == ALL
    with pytest.raises(ValueError, match="name what is left"):
        ALL - of("p")  # pyright: ignore[reportUnusedExpression]


def test_what_is_selected() -> None:
    key = FeatureKey("a")
    assert EMPTY.is_empty
    assert not EMPTY.selects(key, "p")
    for selection in (ALL, some("a"), of("p"), of("q") | some("a")):
        assert selection.selects(key, "p")
        assert not selection.is_empty
    assert not of("q").selects(key, "p")


def test_a_selection_must_say_something() -> None:
    for nothing in ({}, {"all": False}):
        with pytest.raises(ValidationError, match="At least one of"):
            FeatureSelection.model_validate(nothing)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        FeatureSelection.model_validate({"tags": ["x"]})
    with pytest.raises(ValidationError, match="frozen"):
        EMPTY.keys = None
