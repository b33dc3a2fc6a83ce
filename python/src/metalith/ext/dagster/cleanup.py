"""Deleting samples in a job."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import dagster as dg
from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from metalith.errors import BlockedError
from metalith.ext.dagster.constants import DELETION_RESOURCE_KEY
from metalith.keys import FeatureKey
from metalith.stores import Deletion, MetadataStore

CASCADES = ("none", "downstream", "upstream", "both")


class DeleteMetadataConfig(dg.Config):
    """What to delete, and how."""

    feature_key: list[str] = Field(description="The parts of the feature's key.")
    filters: list[str] = Field(
        description="Conditions in SQL that must all hold. An empty list is every sample."
    )
    soft: bool = Field(
        default=True, description="Hide the samples, so that they can be restored; else for good."
    )
    cascade: str = Field(
        default="none",
        description="Which features go along: `none`, `downstream`, `upstream` or `both`.",
    )
    hold: bool = Field(
        default=False,
        description="Delete nothing, and keep these samples from being deleted instead.",
    )
    reason: str | None = Field(default=None, description="Why, for the audit log.")

    @field_validator("cascade")
    @classmethod
    def _is_known(cls, cascade: str) -> str:
        if cascade not in CASCADES:
            raise ValueError(f"`{cascade}` is no cascade: choose one of {', '.join(CASCADES)}")
        return cascade

    @model_validator(mode="after")
    def _hold_is_of_one_feature(self) -> Self:
        if self.hold and self.cascade != "none":
            raise ValueError("a hold is on one feature: leave `cascade` out")
        return self


@dg.op(
    required_resource_keys={DELETION_RESOURCE_KEY},
    tags={"kind": "metaxy"},
    description="Deletes samples of a feature, and of others that hang together with them.",
)
def delete_metadata(context: dg.OpExecutionContext, config: DeleteMetadataConfig) -> None:
    """Deletes samples; the store is the resource `metaxy_store`.

    The log says which features are deleted and in what order. A deletion that something protects
    samples from fails with every blocker named, and is not retried.
    """
    run(context, config, method="delete_metadata")


def run(context: dg.OpExecutionContext, config: DeleteMetadataConfig, *, method: str) -> None:
    """The body of the op. `method` is the store's: it had another name once."""
    store = cast("MetadataStore", getattr(context.resources, DELETION_RESOURCE_KEY))
    key = FeatureKey(config.feature_key)
    with store.open("write"):
        if config.hold:
            held = store.add_hold(key, config.filters, reason=config.reason)
            context.log.info(f"hold `{held}` keeps samples of `{key}` from being deleted")
            context.add_output_metadata({"metaxy/hold": held})
            return
        _announce(context, store, key, config)
        try:
            done = getattr(store, method)(key, filters=config.filters, **_options(config))
        except BlockedError as error:
            raise dg.Failure(
                f"`{key}` cannot be deleted: {error}",
                metadata={"metaxy/feature": str(key), "metaxy/blockers": str(error)},
                allow_retries=False,
            ) from error
    if isinstance(done, Deletion):
        _report(context, done)


def _options(config: DeleteMetadataConfig) -> dict[str, Any]:
    # Only what was asked for, so that a store without cascades serves as well.
    options: dict[str, Any] = {"soft": config.soft}
    if config.cascade != "none":
        options["cascade"] = config.cascade
    if config.reason is not None:
        options["reason"] = config.reason
    return options


def _announce(
    context: dg.OpExecutionContext,
    store: MetadataStore,
    key: FeatureKey,
    config: DeleteMetadataConfig,
) -> None:
    order: Iterable[FeatureKey] = [key]
    if config.cascade != "none":
        direction = cast("Any", config.cascade)
        order = store.get_deletion_order(key, direction=direction, include_self=True)
    shown = " → ".join(f"`{feature}`" for feature in order)
    mode = "soft" if config.soft else "hard"
    where = " AND ".join(f"({it})" for it in config.filters) or "every sample"
    context.log.info(f"{mode} deletion of `{key}` where {where}; in this order: {shown}")


def _report(context: dg.OpExecutionContext, done: Deletion) -> None:
    for position, step in enumerate(done.steps, 1):
        verb = "deleted" if step.action == "delete" else step.action.replace("_", " ")
        context.log.info(f"{position}. `{step.feature}`: {verb} {step.samples} samples")
    if done.objects_failed:
        context.log.warning(
            f"{done.objects_failed} objects could not be deleted; "
            "`metalith purge --resume` tries again"
        )
    context.add_output_metadata(
        {
            "metaxy/deletion": done.id,
            "metaxy/samples_deleted": done.samples,
            "metaxy/deletion_order": _table(done),
        }
    )


def _table(done: Deletion) -> dg.TableMetadataValue:
    columns = [
        dg.TableColumn("feature"),
        dg.TableColumn("action"),
        dg.TableColumn("samples", "int"),
    ]
    records: Sequence[dg.TableRecord] = [
        dg.TableRecord({"feature": str(it.feature), "action": it.action, "samples": it.samples})
        for it in done.steps
    ]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))
