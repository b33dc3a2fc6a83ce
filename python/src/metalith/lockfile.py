"""The lock file: what other projects' features were when it was written.

It stands in for the store's record where no store can be asked: in tests, and wherever versions
must not depend on what others push meanwhile.

>>> LockFile.parse("").features
{}
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer

from metalith._settings import InvalidConfigError, parse_toml, to_toml
from metalith.definition import FeatureDefinition
from metalith.errors import CorruptError, FeatureNotFoundError
from metalith.graph import FeatureGraph
from metalith.recorded import Recorded, closure, recorded_features
from metalith.selection import FeatureSelection
from metalith.stores.base import MetadataStore


class LockedFeatureInfo(BaseModel):
    """The versions of a locked feature."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    version_by_field: dict[str, str]
    definition_version: str


class LockedFeature(BaseModel):
    """A feature of another project, with its versions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    info: LockedFeatureInfo
    data: FeatureDefinition

    @field_serializer("data", when_used="json")
    def _write_data(self, data: FeatureDefinition) -> dict[str, Any]:
        # A schema has nulls, and TOML has none.
        schema = json.dumps(data.feature_schema)
        return {**data.model_dump(mode="json"), "feature_schema": schema}


class LockFile(BaseModel):
    """What a lock file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: dict[str, LockedFeature] = Field(
        default_factory=lambda: cast("dict[str, LockedFeature]", {})
    )

    @classmethod
    def parse(cls, text: str, path: Path | None = None) -> "LockFile":
        """Reads the text of a lock file."""
        name = path or Path("metaxy.lock")
        try:
            return cls.model_validate(parse_toml(text, name))
        except ValidationError as problem:
            raise InvalidConfigError(
                f"`{name}` is no lock file: {problem}", hint="write it anew"
            ) from problem

    def to_toml(self) -> str:
        """The text of the lock file."""
        return to_toml(self.model_dump(mode="json"))

    def definitions(self) -> list[FeatureDefinition]:
        """The features, as external ones."""
        return [it.data.as_external(source="the lock file") for it in self.features.values()]


class FeatureChange(BaseModel):
    """A feature that is new in a lock file, or gone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str
    key: str
    version: str


class FeatureUpdate(BaseModel):
    """A feature that is another one than before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str
    key: str
    old_version: str
    new_version: str
    metadata_only: bool
    """Whether nothing changed that versions are computed from."""


class LockFileResult(BaseModel):
    """What is different in a lock file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    added: list[FeatureChange]
    updated: list[FeatureUpdate]
    removed: list[FeatureChange]
    unchanged_count: int = 0

    @property
    def count(self) -> int:
        """How many features there are now."""
        return len(self.added) + len(self.updated) + self.unchanged_count

    @property
    def changed(self) -> bool:
        """Whether anything is different."""
        return bool(self.added or self.updated or self.removed)


def generate_lock_file(
    store: MetadataStore,
    output_path: Path,
    *,
    exclude_project: str | None = None,
    selection: FeatureSelection | None = None,
) -> LockFileResult:
    """Writes what the store has recorded of other projects' features that the active graph needs.

    These are the deps that the graph does not define itself, those of `selection`, and all that
    they depend on, but for features of `exclude_project`. The file is left alone when it says the
    same already.
    """
    graph = FeatureGraph.get_active()
    own = {key for key, it in graph.feature_definitions_by_key.items() if not it.is_external}
    deps = {dep.feature for key in own for dep in graph.get_feature_definition(key).spec.deps}
    wanted = [FeatureSelection(keys=sorted(deps - own))]
    if selection is not None:
        wanted.append(selection)
    found: list[Recorded] = []
    if not all(it.is_empty for it in wanted):
        known = recorded_features(store)
        others = {key: it for key, it in known.items() if it.definition.project != exclude_project}
        found, missing = closure(wanted, others, own)
        if missing:
            names = ", ".join(f"`{key}`" for key in missing)
            raise FeatureNotFoundError(
                f"not found in metadata store {store}: {names}",
                hint="push the graph of the project that has them",
                keys=missing,
            )
    locked = _locked(found, graph)
    result = _difference(output_path, locked)
    if result.changed or not output_path.exists():
        text = f"# Generated by `metaxy lock`.\n\n{locked.to_toml()}"
        output_path.write_text(text, encoding="utf-8")
    return result


def load_lock_file(path: Path | None) -> list[FeatureDefinition]:
    """Adds the features of a lock file to the active graph, as external ones; none without one."""
    if path is None or not path.exists():
        return []
    definitions = LockFile.parse(path.read_text(encoding="utf-8"), path).definitions()
    graph = FeatureGraph.get_active()
    for definition in definitions:
        graph.add_feature_definition(definition)
    return definitions


def _locked(found: list[Recorded], graph: FeatureGraph) -> LockFile:
    """The file, after a look at whether the versions on record follow from the definitions."""
    whole = FeatureGraph()
    for definition in graph.feature_definitions_by_key.values():
        if not definition.is_external:
            whole.add_feature_definition(definition)
    for it in found:
        whole.add_feature_definition(it.definition, on_conflict="ignore")
    features: dict[str, LockedFeature] = {}
    for definition, recorded in found:
        version = whole.get_feature_version(definition.key)
        if version != recorded:
            raise CorruptError(
                f"`{definition.key}` is recorded as version {recorded}, but {version} follows from "
                "the definitions",
                hint="push the graphs of all projects that have a part in it",
            )
        info = LockedFeatureInfo(
            version=version,
            version_by_field=whole.get_feature_version_by_field(definition.key),
            definition_version=definition.feature_definition_version,
        )
        features[str(definition.key)] = LockedFeature(info=info, data=definition)
    return LockFile(features=features)


def _difference(path: Path, locked: LockFile) -> LockFileResult:
    old: Mapping[str, LockedFeature] = {}
    if path.exists():
        old = LockFile.parse(path.read_text(encoding="utf-8"), path).features
    new = locked.features
    both = sorted(old.keys() & new.keys())
    updated = [_update(key, old[key], new[key]) for key in both if old[key].info != new[key].info]
    return LockFileResult(
        added=[_change(key, new[key]) for key in sorted(new.keys() - old.keys())],
        updated=updated,
        removed=[_change(key, old[key]) for key in sorted(old.keys() - new.keys())],
        unchanged_count=len(both) - len(updated),
    )


def _change(key: str, feature: LockedFeature) -> FeatureChange:
    return FeatureChange(project=feature.data.project, key=key, version=feature.info.version)


def _update(key: str, old: LockedFeature, new: LockedFeature) -> FeatureUpdate:
    before, after = old.info.version, new.info.version
    return FeatureUpdate(
        project=new.data.project,
        key=key,
        old_version=before,
        new_version=after,
        metadata_only=before == after,
    )


__all__ = [
    "FeatureChange",
    "FeatureUpdate",
    "LockFile",
    "LockFileResult",
    "LockedFeature",
    "LockedFeatureInfo",
    "generate_lock_file",
    "load_lock_file",
]
