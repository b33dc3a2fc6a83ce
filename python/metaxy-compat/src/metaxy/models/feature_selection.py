"""Which features are meant."""

from metalith.selection import FeatureSelection as Selection


class FeatureSelection(Selection):
    """Features by key, by project, or all. Putting two together that leaves nothing is an error."""

    def __or__(self, other: Selection) -> "FeatureSelection":
        return _with_something(super().__or__(other))

    def __and__(self, other: Selection) -> "FeatureSelection":
        return _with_something(super().__and__(other))

    def __sub__(self, other: Selection) -> "FeatureSelection":
        return _with_something(super().__sub__(other))


def _with_something(found: Selection) -> FeatureSelection:
    return FeatureSelection(projects=found.projects, keys=found.keys or None, all=found.all)


__all__ = ["FeatureSelection"]
