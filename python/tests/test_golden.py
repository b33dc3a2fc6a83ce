"""Every vector of the versioning contract, through the classes of the package."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import metalith as ml

FOLDER = Path(__file__).parents[2] / "crates/testkit/golden"
CASES = sorted(FOLDER.glob("*.json"))
# Times and ids differ from run to run; the version of a graph is ours alone.
LEFT_OUT = {
    "metaxy_created_at",
    "metaxy_updated_at",
    "metaxy_project_version",
    "metaxy_materialization_id",
}
# A defect of the reference system that its vector records.
MUST_WORK = "25_three_upstreams_default_select_fails"
TYPES = {"str": pl.String, "int": pl.Int64, "float": pl.Float64, "bool": pl.Boolean}
Row = dict[str, Any]


class Story:
    """The steps of a vector, taken on a store."""

    def __init__(self, case: Mapping[str, Any], store: ml.MetadataStore) -> None:
        self.case = case
        self.store = store
        self.graphs = {"main": graph_of(case["features"])}
        for name, other in case.get("alt_graphs", {}).items():
            self.graphs[name] = graph_of(other["features"])
        self.graph = self.graphs["main"]

    def take(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """Takes a step; returns what it gives, by the names that vectors use."""
        if step["op"] == "use_graph":
            self.graph = self.graphs[step["graph"]]
            return {}
        given = {key: it for key, it in step.items() if key not in ("op", "feature", "expect")}
        given.pop("expect_error", None)
        with self.graph.use():
            return getattr(self, step["op"])(step["feature"], **given)

    def write(self, feature: str, rows: list[Row], materialization_id: str | None = None) -> Row:
        self.store.write(feature, self.frame(feature, rows), materialization_id)
        return {}

    def read(self, feature: str, **options: Any) -> Row:
        frame = self.store.read(feature, **options).collect().to_polars()
        if "metaxy_deleted_at" in frame.columns:
            frame = frame.with_columns(pl.col("metaxy_deleted_at").is_not_null())
        return {"rows": frame.to_dicts()}

    def delete(self, feature: str, filters: list[str] | None = None, **options: Any) -> Row:
        self.store.delete(feature, filters, **options)
        return {}

    def progress(self, feature: str) -> Row:
        return {"progress": self.store.calculate_input_progress(None, feature)}

    def rebase(self, feature: str, from_graph: str) -> Row:
        version = self.graphs[from_graph].get_feature_version(feature)
        rows = self.store.rebase(feature, version).collect().to_polars()
        self.store.write(feature, rows)
        return {"rows": rows.to_dicts()}

    def resolve_update(
        self,
        feature: str,
        samples: list[Row] | None = None,
        write_back: bool | Mapping[str, Any] = False,
        **options: Any,
    ) -> Row:
        given = None if samples is None else self.frame(feature, samples)
        found = self.store.resolve_update(feature, samples=given, **options).to_polars()
        if write_back:
            how = {} if write_back is True else write_back
            for frame in (found.new, found.stale):
                rows = worked_off(frame, how)
                if rows.height:
                    self.store.write(feature, rows)
        return {name: frame.to_dicts() for name, frame in found._asdict().items()}

    def frame(self, feature: str, rows: list[Row]) -> pl.DataFrame:
        """Rows of a vector, with the types that it declares."""
        columns = self.case["features"][feature]["columns"]
        frame = pl.DataFrame(rows, infer_schema_length=None)
        declared = {name: TYPES[kind] for name, kind in columns.items() if name in frame.columns}
        return frame.cast(declared) if declared else frame


def graph_of(features: Mapping[str, Any]) -> ml.FeatureGraph:
    """The graph that a vector declares."""
    graph = ml.FeatureGraph()
    for feature in features.values():
        spec = ml.FeatureSpec.model_validate(feature["spec"])
        if feature.get("external"):
            definition = ml.FeatureDefinition.external(
                spec=spec,
                project=feature["project"],
                provenance_by_field=feature.get("provenance_by_field"),
            )
        else:
            definition = ml.FeatureDefinition(
                spec=spec, feature_schema={}, project=feature["project"]
            )
        graph.add_feature_definition(definition)
    return graph


def worked_off(frame: pl.DataFrame, how: Mapping[str, Any]) -> pl.DataFrame:
    """What a pipeline writes back of an increment, as a vector says."""
    if "keep" in how:
        kept = [it for it in frame.columns if it.startswith("metaxy_") or it in how["keep"]]
        frame = frame.select(kept)
    frame = frame.with_columns(
        pl.lit(value).alias(name) for name, value in how.get("set", {}).items()
    )
    if how.get("unique"):
        frame = frame.unique(how["unique"], keep="first", maintain_order=True)
    if how.get("expand"):
        column, count = how["expand"]
        frame = frame.join(pl.DataFrame({column: range(count)}), how="cross")
    return frame


def normal(rows: list[Row], left_out: set[str]) -> list[str]:
    """Rows without what is left out, as sorted texts."""
    kept = [{name: it for name, it in row.items() if name not in left_out} for row in rows]
    return sorted(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in kept)


def accepted(case: Mapping[str, Any], index: int, step: Mapping[str, Any]) -> list[Any]:
    """What a step may give: where engines of the reference system differ, what any of them did."""
    others = [it for it in case.get("engine_differences", []) if it["step"] == index]
    return [step["expect"], *(it[name] for it in others for name in ("duckdb", "delta"))]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", ["memory", "delta"])
def test_vector(path: Path, kind: str, tmp_path: Path) -> None:
    case = json.loads(path.read_text())
    algorithm, length = case["hash_algorithm"], case["hash_truncation_length"]
    store: ml.MetadataStore = (
        ml.InMemoryMetadataStore(hash_algorithm=algorithm)
        if kind == "memory"
        else ml.DeltaMetadataStore(tmp_path / "store", hash_algorithm=algorithm)
    )
    with (
        ml.MetalithConfig(project="golden", hash_truncation_length=length).use(),
        store.open("write"),
    ):
        story = Story(case, store)
        for index, step in enumerate(case["steps"]):
            if step.get("expect_error") and path.stem != MUST_WORK:
                with pytest.raises(ml.errors.MetalithError):
                    story.take(step)
                continue
            found = story.take(step)
            if "progress" in found:
                assert found["progress"] == step["expect"]["progress"]
                continue
            left_out = set(LEFT_OUT)
            if step["op"] != "read":
                left_out.add("metaxy_deleted_at")
            if step["op"] == "rebase":
                left_out.add("metaxy_feature_version")
            for name, rows in found.items():
                options = [
                    normal(rows_of(it[name]), left_out)
                    for it in accepted(case, index, step)
                    if name in it
                ]
                assert not options or normal(rows, left_out) in options, f"step {index}, `{name}`"


def rows_of(frame: Any) -> list[Row]:
    """The rows of a frame of a vector, which is a list or has one."""
    return frame if isinstance(frame, list) else frame["rows"]


def test_all_vectors_are_there() -> None:
    assert len(CASES) >= 35
