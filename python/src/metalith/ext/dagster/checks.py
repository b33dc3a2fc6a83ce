"""Whether what a store says is true."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from metalith.errors import InvalidError
from metalith.ext.dagster.assets import feature_in
from metalith.ext.dagster.constants import STORE_RESOURCE_KEY
from metalith.ext.dagster.resources import store_of
from metalith.ext.dagster.tables import asset_key_of, definition_of
from metalith.keys import CoercibleToFeatureKey, FeatureKey


def build_integrity_check(
    asset: "dg.AssetsDefinition | dg.AssetSpec | CoercibleToFeatureKey",
    *,
    prefixes: Sequence[str] = (),
    store_resource_key: str = STORE_RESOURCE_KEY,
    blocking: bool = False,
    name: str = "integrity",
) -> dg.AssetChecksDefinition:
    """A check of an asset's feature against its upstreams and against storage.

    It warns of samples whose upstream is gone and of objects that no sample names, and fails when
    samples name objects that are not there. `prefixes` are looked at beside those that features
    declare.
    """
    key, asset_key = _subject(asset)

    @dg.asset_check(
        asset=asset_key,
        name=name,
        description=f"Samples of `{key}` without upstream, and objects nobody or somebody misses.",
        required_resource_keys={store_resource_key},
        blocking=blocking,
    )
    def integrity(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        store = store_of(getattr(context.resources, store_resource_key))
        with store:
            status = store.status(key)
            objects = store.audit_objects(prefixes)
        return _result(key, status, objects)

    return integrity


def _result(
    key: FeatureKey, status: dict[str, Any], objects: dict[str, Any]
) -> dg.AssetCheckResult:
    orphaned = int(status.get("orphaned") or 0)
    # These only wait for their upstream to be written again under its new definition.
    orphaned -= int(status.get("waiting") or 0)
    unnamed, missing = int(objects["orphans"]), int(objects["missing"])
    found = {
        f"{orphaned} samples whose upstream is gone": orphaned,
        f"{missing} objects that samples name are not there": missing,
        f"{unnamed} objects that no sample names": unnamed,
    }
    wrong = [text for text, count in found.items() if count]
    severity = dg.AssetCheckSeverity.ERROR if missing else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=not wrong,
        severity=severity,
        description=f"`{key}`: {'; '.join(wrong) or 'nothing is amiss'}",
        metadata={
            "metaxy/orphaned_samples": orphaned,
            "metaxy/missing_objects": missing,
            "metaxy/missing_object_examples": list(objects["missing_examples"]),
            "metaxy/unnamed_objects": unnamed,
            "metaxy/unnamed_object_examples": list(objects["orphan_examples"]),
            "metaxy/unnamed_bytes": int(objects["orphan_bytes"]),
        },
    )


def _subject(
    asset: "dg.AssetsDefinition | dg.AssetSpec | CoercibleToFeatureKey",
) -> tuple[FeatureKey, dg.AssetKey]:
    if not isinstance(asset, (dg.AssetsDefinition, dg.AssetSpec)):
        definition = definition_of(asset)
        return definition.key, asset_key_of(definition.spec)
    specs = [asset] if isinstance(asset, dg.AssetSpec) else list(asset.specs)
    named = [(feature_in(spec.metadata), spec.key) for spec in specs]
    found = [(feature, key) for feature, key in named if feature is not None]
    if len(found) != 1:
        raise InvalidError(
            f"the asset has {len(found)} features", hint="pass the spec of one, or its feature"
        )
    return found[0]
