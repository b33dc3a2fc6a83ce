"""`metaxy metadata status`: how features stand."""

import argparse
import json
import sys
from typing import Any

from metalith.errors import MetalithError
from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey

from metaxy.config import MetaxyConfig
from metaxy.graph.status import (
    ICONS,
    FeatureMetadataStatusWithIncrement,
    FullFeatureMetadataRepresentation,
    get_feature_metadata_status,
)

Found = dict[FeatureKey, FeatureMetadataStatusWithIncrement | MetalithError]


def parser() -> argparse.ArgumentParser:
    """What the command takes, but for the features."""
    made = argparse.ArgumentParser(
        prog="metaxy metadata status", description="Say how features stand in a store."
    )
    made.add_argument("keys", nargs="*", metavar="FEATURE")
    made.add_argument("--all-features", action="store_true")
    made.add_argument("--store", help="the store; by default the configured one")
    for name, about in [
        ("--filter", "samples of the feature that it is about"),
        ("--global-filter", "the same for the feature and its upstreams"),
        ("--stale-if", "samples that are stale anyway"),
    ]:
        made.add_argument(name, action="append", default=[], metavar="EXPR", help=about)
    made.add_argument("--snapshot-id", metavar="VERSION", help="a graph that was recorded")
    for name in ("--assert-in-sync", "--verbose", "--progress"):
        made.add_argument(name, action=argparse.BooleanOptionalAction, default=False)
    made.add_argument(
        "--allow-fallback-stores", action=argparse.BooleanOptionalAction, default=True
    )
    made.add_argument("-f", "--format", choices=["plain", "json"], default="plain")
    return made


def run(
    config: MetaxyConfig, given: argparse.Namespace, graph: FeatureGraph, keys: list[FeatureKey]
) -> int:
    """Says how features stand. The exit code is 1 if that was to be in sync, and is not."""
    unknown = [key for key in keys if key not in graph]
    found: Found = {}
    with graph.use(), config.get_store(given.store) as store:
        for key in keys:
            if key in unknown:
                continue
            try:
                found[key] = get_feature_metadata_status(
                    key,
                    store,
                    use_fallback=given.allow_fallback_stores,
                    global_filters=given.global_filter,
                    target_filters=given.filter,
                    staleness_predicates=given.stale_if,
                    compute_progress=given.progress or given.verbose,
                )
            except MetalithError as problem:
                found[key] = problem
    if not keys:
        # Features of other projects are not meant.
        print("the project has no features", file=sys.stderr)
    shown = {str(key): _shown(key, it, verbose=given.verbose) for key, it in found.items()}
    if given.format == "json":
        told = _json(shown, unknown, given.snapshot_id)
        told = told if shown else {"warning": "No valid features to check", **told}
        print(json.dumps(told, indent=2))
    else:
        _print(shown, unknown)
    # What is missing, or cannot be told, is not in sync.
    settled = ("root_feature", "up_to_date")
    is_in_sync = not unknown and all(it.status in settled for it in shown.values())
    return 1 if given.assert_in_sync and not is_in_sync else 0


def _shown(
    key: FeatureKey, found: FeatureMetadataStatusWithIncrement | MetalithError, *, verbose: bool
) -> FullFeatureMetadataRepresentation:
    if not isinstance(found, MetalithError):
        return found.to_representation(verbose=verbose)
    return FullFeatureMetadataRepresentation(
        feature_key=str(key),
        status="error",
        needs_update=False,
        metadata_exists=False,
        store_rows=0,
        missing=None,
        stale=None,
        orphaned=None,
        target_version="",
        error_message=str(found),
    )


def _json(
    shown: dict[str, FullFeatureMetadataRepresentation],
    unknown: list[FeatureKey],
    snapshot: str | None,
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "project_version": snapshot,
        "features": {
            key: it.model_dump(mode="json", exclude_none=True) for key, it in shown.items()
        },
        "needs_update": any(it.needs_update for it in shown.values()),
    }
    failed = [(key, it.error_message) for key, it in shown.items() if it.status == "error"]
    warnings: dict[str, Any] = {}
    if unknown:
        warnings["missing_in_graph"] = [str(key) for key in unknown]
    if failed:
        warnings["errors"] = [{"feature": key, "error": text} for key, text in failed]
    return {**told, **({"warnings": warnings} if warnings else {})}


def _print(shown: dict[str, FullFeatureMetadataRepresentation], unknown: list[FeatureKey]) -> None:
    for key, it in shown.items():
        counts = [f"{it.store_rows} rows"]
        for name in ("missing", "stale", "orphaned"):
            count = getattr(it, name)
            counts += [] if count is None else [f"{count} {name}"]
        if it.progress_percentage is not None:
            counts.append(f"{it.progress_percentage:.0f}% worked off")
        print(f"{ICONS[it.status]} {key}  {it.error_message or ', '.join(counts)}")
        for detail in it.sample_details or ():
            print("  " + detail.replace("\n", "\n  "))
    for key in unknown:
        print(f"{ICONS['error']} {key}  is not in the graph")
