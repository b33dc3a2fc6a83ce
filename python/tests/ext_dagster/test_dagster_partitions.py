"""Partitions of Dagster are values of a column."""

from typing import Any

import dagster as dg
import polars as pl
import pytest

import metalith as ml
import metalith.ext.dagster as mld
from ext_dagster.media import videos
from metalith.errors import InvalidError

Feature = type[ml.BaseFeature]
DAYS = dg.StaticPartitionsDefinition(["2024-01-01", "2024-01-02", "2024-01-03"])
COUNTS = {"2024-01-01": 3, "2024-01-02": 2, "2024-01-03": 4}


@dg.asset(
    key=["video", "raw"],
    metadata={"metaxy/feature": "video/raw", "partition_by": "day"},
    io_manager_key="io",
    partitions_def=DAYS,
)
def raw(context: dg.AssetExecutionContext) -> pl.DataFrame:
    day = context.partition_key
    return videos(*(f"{day}_{number}" for number in range(COUNTS[day])), day=day)


def materialize_all(resources: dict[str, Any], instance: dg.DagsterInstance) -> list[Any]:
    events: list[Any] = []
    for day in COUNTS:
        result = dg.materialize([raw], resources=resources, instance=instance, partition_key=day)
        (event,) = result.get_asset_materialization_events()
        events.append(event.step_materialization_data.materialization.metadata)
    return events


def test_counts_are_of_the_partition_and_of_everything(
    video: Feature, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    events = materialize_all(resources, instance)
    assert [it["dagster/partition_row_count"].value for it in events] == [3, 2, 4]
    assert [it["dagster/row_count"].value for it in events] == [3, 5, 9]


@pytest.mark.parametrize(
    ("mapping", "partitions", "key", "expected"),
    [
        (None, DAYS, "2024-01-02", {"2024-01-02"}),
        (dg.AllPartitionMapping(), None, None, set(COUNTS)),
        (
            dg.SpecificPartitionsPartitionMapping(["2024-01-01", "2024-01-03"]),
            dg.StaticPartitionsDefinition(["q1"]),
            "q1",
            {"2024-01-01", "2024-01-03"},
        ),
    ],
)
def test_inputs_are_of_the_partitions_that_are_mapped(
    *,
    video: Feature,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
    mapping: dg.PartitionMapping | None,
    partitions: dg.PartitionsDefinition | None,
    key: str | None,
    expected: set[str],
) -> None:
    materialize_all(resources, instance)
    seen: list[pl.DataFrame] = []

    @dg.asset(
        ins={"raw": dg.AssetIn(["video", "raw"], partition_mapping=mapping)},
        partitions_def=partitions,
    )
    def report(raw: Any) -> None:
        seen.append(raw.collect().to_native())

    result = dg.materialize(
        [raw, report],
        selection=[report],
        resources={**resources, "io_manager": dg.mem_io_manager},
        instance=instance,
        partition_key=key,
    )
    assert result.success
    assert set(seen[0]["day"].to_list()) == expected


def test_several_assets_may_be_of_one_feature(
    video: Feature, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    def of_region(region: str, *ids: str) -> dg.AssetsDefinition:
        @dg.asset(
            name=region,
            metadata={"metaxy/feature": "video/raw", "metaxy/partition": {"region": region}},
            io_manager_key="io",
        )
        def asset() -> pl.DataFrame:
            return videos(*ids, region=region)

        return asset

    counts: list[Any] = []
    for asset in (of_region("us", "a", "b"), of_region("eu", "c", "d", "e")):
        result = dg.materialize([asset], resources=resources, instance=instance)
        (event,) = result.get_asset_materialization_events()
        metadata = event.step_materialization_data.materialization.metadata
        counts.append(metadata["dagster/row_count"].value)
    assert counts == [2, 3]


def test_partitions_of_several_dimensions_are_several_columns() -> None:
    key = dg.MultiPartitionKey({"day": "2024-01-01", "region": "eu"})
    filters = mld.build_partition_filter({"day": "date", "region": "area"}, key)
    assert [str(it) for it in filters] == [
        "col(date).__eq__(2024-01-01)",
        "col(area).__eq__(eu)",
    ]
    with pytest.raises(InvalidError, match="has one dimension"):
        mld.build_partition_filter({"day": "date"}, "2024-01-01")


def test_a_filter_for_what_an_asset_works_on() -> None:
    spec = dg.AssetSpec(
        "a", metadata={"partition_by": "day", "metaxy/partition": {"region": "eu", "kind": "x"}}
    )
    context = dg.build_asset_context(partition_key="2024-01-01")
    assert [str(it) for it in mld.get_partition_filter(context, spec)] == [
        "col(kind).__eq__(x)",
        "col(region).__eq__(eu)",
        "col(day).__eq__(2024-01-01)",
    ]
    assert mld.get_partition_filter(dg.build_asset_context(), dg.AssetSpec("a")) == []
    wrong = dg.AssetSpec("a", metadata={"partition_by": 7})
    with pytest.raises(InvalidError, match="write the name of a column"):
        mld.get_partition_filter(context, wrong)
