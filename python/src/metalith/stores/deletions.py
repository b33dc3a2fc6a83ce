"""Deleting samples: planned, carried out, undone, kept from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from metalith import _metalith
from metalith.errors import InvalidError
from metalith.filters import to_expressions as texts
from metalith.graph import Direction, FeatureGraph
from metalith.keys import CoercibleToFeatureKey, FeatureKey
from metalith.stores.session import Session

CascadeMode: TypeAlias = Literal["none", "downstream", "upstream", "both"]
"""Which features a deletion takes along."""


@dataclass(frozen=True)
class DeletionStep:
    """What a deletion does to one feature."""

    feature: FeatureKey
    action: str
    """`delete`, or `set_null`: its samples stay and let go of what they refer to."""
    samples: int
    rows: int
    """Rows that are appended (soft) or removed (hard)."""
    stale: int
    """Samples that stay, and were computed from something that goes."""
    objects: int
    bytes: int | None
    """Bytes of the objects, where they are known."""

    @classmethod
    def of(cls, step: dict[str, Any]) -> "DeletionStep":
        """A step as the engine tells it."""
        feature = FeatureKey(step["feature"])
        return cls(feature, **{name: it for name, it in step.items() if name != "feature"})


@dataclass(frozen=True)
class Blocker:
    """Something that stands in the way of a deletion."""

    message: str
    way_out: str


@dataclass(frozen=True)
class Deletion:
    """What a deletion did. `id` is what `restore` takes."""

    id: str
    steps: tuple[DeletionStep, ...]
    objects_deleted: int
    objects_failed: int
    """Objects that storage refused to delete; they wait for `metalith purge --resume`."""

    @property
    def samples(self) -> int:
        """How many samples went, of all features."""
        return sum(step.samples for step in self.steps if step.action == "delete")


class DeletionPlan:
    """What a deletion would do. Nothing has happened until `apply`."""

    def __init__(self, plan: _metalith.Plan) -> None:
        self._plan = plan

    @property
    def id(self) -> str:
        """The id that the deletion will have."""
        return self._plan.id

    @property
    def steps(self) -> tuple[DeletionStep, ...]:
        """What happens, first things first."""
        return tuple(map(DeletionStep.of, self._plan.steps))

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """What stands in its way; while there is anything, `apply` raises `BlockedError`."""
        return tuple(Blocker(**blocker) for blocker in self._plan.blockers)

    def apply(self) -> Deletion:
        """Carries it out, once."""
        done = self._plan.apply()
        steps = tuple(map(DeletionStep.of, done["steps"]))
        return Deletion(done["id"], steps, done["objects_deleted"], done["objects_failed"])

    def __str__(self) -> str:
        names = "ORDER FEATURE SAMPLES ROWS STALE OBJECTS ACTION"
        lines: list[tuple[str, ...]] = [tuple(names.split())]
        for position, step in enumerate(self.steps, 1):
            cells = (position, step.feature, step.samples, step.rows, step.stale, step.objects)
            lines.append((*map(str, cells), step.action.replace("_", " ")))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        return "\n".join([*rows, *(blocker.message for blocker in self.blockers)])

    def __repr__(self) -> str:
        return f"<DeletionPlan {self.id}>\n{self}"


class Deletions(Session):
    """The part of a store that deletes."""

    def get_deletion_order(
        self,
        feature: CoercibleToFeatureKey,
        *,
        direction: Direction = "downstream",
        include_self: bool = True,
    ) -> list[FeatureKey]:
        """The features that take part when one is deleted, in the order of deleting.

        Dependents come first downstream, dependencies first upstream, and `both` is everything
        connected in the order of dependencies.
        """
        key, graph, _ = self._resolve(feature)
        return graph.get_deletion_order(key, direction=direction, include_self=include_self)

    def plan_deletion(
        self,
        feature: CoercibleToFeatureKey,
        filters: Any = None,
        *,
        soft: bool = True,
        cascade: CascadeMode = "none",
        reason: str | None = None,
        with_feature_history: bool = False,
        with_sample_history: bool = False,
    ) -> DeletionPlan:
        """Finds what a deletion would do, and does nothing.

        The samples of other features are found by lineage: the chunks of a video by the columns
        that name the video in them. A filter may name a column that only an upstream has.
        """
        key, graph, _ = self._resolve(feature)
        plan = self._engine.plan_deletion(
            # What is downstream is part of the question.
            graph.compiled(),
            str(key),
            filters=texts(filters),
            hard=not soft,
            cascade=cascade,
            reason=reason,
            feature_history=with_feature_history,
            sample_history=with_sample_history,
        )
        return DeletionPlan(plan)

    def delete(
        self,
        feature: CoercibleToFeatureKey,
        filters: Any,
        *,
        soft: bool = True,
        cascade: CascadeMode = "none",
        reason: str | None = None,
        with_feature_history: bool = False,
        with_sample_history: bool = False,
    ) -> Deletion:
        """Deletes samples: softly, so that they can be restored, or for good.

        `filters` is a Narwhals expression, an expression in text, a list of these that must all
        hold, or `None` for every sample. Something that protects a sample blocks the whole
        deletion: then nothing has happened and `BlockedError` names every blocker.
        """
        self._writer  # noqa: B018 - refuses before anything is planned
        plan = self.plan_deletion(
            feature,
            filters,
            soft=soft,
            cascade=cascade,
            reason=reason,
            with_feature_history=with_feature_history,
            with_sample_history=with_sample_history,
        )
        return plan.apply()

    def delete_metadata(
        self,
        feature: CoercibleToFeatureKey,
        filters: Any = None,
        *,
        soft: bool = True,
        cascade: CascadeMode = "none",
        reason: str | None = None,
        current_only: bool = True,
        latest_only: bool = True,
    ) -> Deletion:
        """`delete` under its older name. `current_only` and `latest_only` are the opposites of
        `with_feature_history` and `with_sample_history`."""
        return self.delete(
            feature,
            filters,
            soft=soft,
            cascade=cascade,
            reason=reason,
            with_feature_history=not current_only,
            with_sample_history=not latest_only,
        )

    def restore(
        self, deletion: str | Deletion, filters: Any = None, *, dry_run: bool = False
    ) -> dict[FeatureKey, int]:
        """Brings back what a soft deletion hid, in every feature; returns how many samples each.

        With filters, which are about the feature the deletion was asked for, only samples that
        meet them come back, with all that hangs together with them.
        """
        graph = FeatureGraph.get_active().compiled()
        identity = deletion.id if isinstance(deletion, Deletion) else deletion
        restored = self._writer.restore(graph, identity, texts(filters), dry_run)
        return {FeatureKey(key): samples for key, samples in restored}

    def deletions(self) -> list[dict[str, Any]]:
        """Every deletion there was and how it stands, the oldest first."""
        return self._engine.deletions()

    def drop(self, feature: CoercibleToFeatureKey) -> bool:
        """Removes a feature's table with everything in it; `False` when there was none."""
        key, graph, _ = self._resolve(feature)
        return self._writer.drop_feature(graph.compiled(), str(key))

    def drop_feature_metadata(self, feature: CoercibleToFeatureKey) -> None:
        """`drop` under its older name."""
        self.drop(feature)

    def add_hold(
        self, feature: CoercibleToFeatureKey, filters: Any = None, *, reason: str | None = None
    ) -> str:
        """Keeps samples from being deleted, also those that come later; returns the hold's id."""
        key, graph, _ = self._resolve(feature)
        return self._writer.add_hold(graph.compiled(), str(key), texts(filters), reason)[0]

    def holds(self) -> list[dict[str, Any]]:
        """Every hold there ever was; `is_released` says whether it is in force."""
        return self._engine.holds()

    def release_hold(self, hold: str) -> None:
        """Ends a hold."""
        self._writer.release_hold(hold)

    def audit_objects(
        self, prefixes: Sequence[str] = (), *, min_age_seconds: int = 7 * 24 * 3600
    ) -> dict[str, Any]:
        """Compares what lies below prefixes with what samples name, and changes nothing.

        Without prefixes: below those that features declare.
        """
        if isinstance(prefixes, str):
            raise InvalidError("`prefixes` is a list", hint=f"pass `[{prefixes!r}]`")
        graph = FeatureGraph.get_active().compiled()
        return self._engine.audit_objects(graph, list(prefixes), min_age_seconds)
