"""The graph of features: which there are, what depends on what, and every version.

>>> with FeatureGraph().use() as graph:
...     graph.list_features()
[]
"""

import contextlib
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from typing_extensions import Self

from metalith._active import Active
from metalith._compiling import compile_definitions
from metalith.config import active_config, hash_length
from metalith.definition import FeatureDefinition
from metalith.errors import GraphError, UnknownFeatureError
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key
from metalith.plan import FeaturePlan, FQFieldKey
from metalith.snapshot import SerializedFeature, definitions_in, serialized
from metalith.spec import FeatureDep, FeatureSpec

if TYPE_CHECKING:
    from metalith._metalith import Graph
    from metalith.feature import BaseFeature

OnConflict: TypeAlias = Literal["raise", "ignore"]
DrawnAs: TypeAlias = Literal["text", "mermaid", "dot"]
Direction: TypeAlias = Literal["downstream", "upstream", "both"]


class MissingFeatureError(UnknownFeatureError, KeyError):
    """The graph has no such feature. A `KeyError` as well, for it is a look-up by key."""

    def __str__(self) -> str:
        # KeyError would show the message quoted.
        return Exception.__str__(self)


class FeatureExistsError(GraphError):
    """A graph has another feature of the same key."""


class FeatureGraph:
    """Features by key, with their versions.

    Features may come in any order: whether they fit together shows when a version is asked for.
    """

    def __init__(self) -> None:
        self.feature_definitions_by_key: dict[FeatureKey, FeatureDefinition] = {}
        self._lock = threading.RLock()
        self._compiled: dict[tuple[int | None, frozenset[FeatureKey] | None], Graph] = {}

    def __repr__(self) -> str:
        return f"FeatureGraph({len(self.feature_definitions_by_key)} features)"

    def __getstate__(self) -> dict[str, Any]:
        return {"feature_definitions_by_key": dict(self.feature_definitions_by_key)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        FeatureGraph.__init__(self)
        self.feature_definitions_by_key.update(state["feature_definitions_by_key"])

    # What is in it

    def add_feature(self, feature: "type[BaseFeature]") -> None:
        """Adds a class. One with the same import path is replaced, another one refused."""
        self.add_feature_definition(FeatureDefinition.from_feature_class(feature))

    def add_feature_definition(
        self, definition: FeatureDefinition, on_conflict: OnConflict = "raise"
    ) -> None:
        """Adds a definition. An external one never replaces one of this project."""
        key = definition.key
        with self._lock:
            existing = self.feature_definitions_by_key.get(key)
            if existing is not None and not _replaces(definition, existing):
                if not definition.is_external and on_conflict == "raise":
                    _refuse(existing, definition)
                return
            self.feature_definitions_by_key[key] = definition
            self._compiled.clear()

    def remove_feature(self, key: CoercibleToFeatureKey) -> None:
        """Takes a feature out."""
        with self._lock:
            del self.feature_definitions_by_key[self.get_feature_definition(key).key]
            self._compiled.clear()

    def get_feature_definition(self, key: CoercibleToFeatureKey) -> FeatureDefinition:
        """The definition of a feature."""
        wanted = coerce_to_feature_key(key)
        found = self.feature_definitions_by_key.get(wanted)
        if found is None:
            raise self._unknown(wanted)
        return found

    def _unknown(self, key: FeatureKey) -> MissingFeatureError:
        from difflib import get_close_matches

        known = [it.to_string() for it in self.feature_definitions_by_key]
        near = get_close_matches(key.to_string(), known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else None
        if not known:
            hint = "the graph is empty: import the module with the features, or call `init()`"
        return MissingFeatureError(
            f"No feature with key `{key}` in the graph", code="graph.unknown-feature", hint=hint
        )

    @property
    def features_by_key(self) -> Mapping[FeatureKey, FeatureDefinition]:
        """The definitions by key."""
        return self.feature_definitions_by_key

    @property
    def feature_specs_by_key(self) -> Mapping[FeatureKey, FeatureSpec]:
        """The specs by key."""
        return {key: it.spec for key, it in self.feature_definitions_by_key.items()}

    def __contains__(self, key: object) -> bool:
        return coerce_to_feature_key(cast("CoercibleToFeatureKey", key)) in (
            self.feature_definitions_by_key
        )

    def __len__(self) -> int:
        return len(self.feature_definitions_by_key)

    def list_features(
        self,
        projects: Sequence[str] | str | None = None,
        *,
        only_current_project: bool = True,
    ) -> list[FeatureKey]:
        """The keys of features, upstreams first: of the given projects, else of the current one.

        Without a project in the configuration all count as the current one's.
        """
        if isinstance(projects, str):
            projects = [projects]
        if projects is None and only_current_project:
            current = active_config().project
            projects = None if current is None else [current]
        definitions = self.feature_definitions_by_key
        try:
            keys = self._ordered(definitions)
        except GraphError:
            # Features that do not fit together yet can still be listed.
            keys = sorted(definitions)
        return [key for key in keys if projects is None or definitions[key].project in projects]

    @property
    def has_external_features(self) -> bool:
        """Whether another project writes some."""
        return any(it.is_external for it in self.feature_definitions_by_key.values())

    @property
    def project(self) -> str:
        """The project, when all features that are not external are of one."""
        own = self._own_projects()
        if len(own) != 1:
            raise GraphError(
                f"the graph has features of {len(own)} projects"
                + (f": {', '.join(f'`{it}`' for it in own)}" if own else ""),
                hint="name the project",
            )
        return own[0]

    def _own_projects(self) -> list[str]:
        definitions = self.feature_definitions_by_key.values()
        return sorted({it.project for it in definitions if not it.is_external})

    # What follows from it

    @property
    def hash_length(self) -> int | None:
        """To how many characters versions are cut, by the active configuration."""
        return hash_length()

    def compiled(self) -> "Graph":
        """The engine's graph. Raises when features do not fit together."""
        return self._compile(None)

    def declarations(self) -> list[dict[str, Any]]:
        """The definitions in the form in which the command takes them."""
        definitions = self.feature_definitions_by_key.values()
        return [it.to_engine(with_class=True) for it in definitions]

    def of_project(self, project: str) -> "Graph":
        """The engine's graph of a project, with what is recorded of its features: those of other
        projects that it needs are external. A graph without any feature of the project is whole."""
        if project not in self._own_projects():
            return compile_definitions(
                self.feature_definitions_by_key.values(), hash_length(), with_classes=True
            )
        return compile_definitions(self._seen_from(project), hash_length(), with_classes=True)

    def compiled_for(self, key: CoercibleToFeatureKey) -> "Graph":
        """The engine's graph, or only the part that a feature depends on when the whole fails.

        So a mistake in one feature does not stand in the way of others.
        """
        return self._compiled_for([self.get_feature_definition(key).key])

    def _compiled_for(self, keys: Iterable[FeatureKey]) -> "Graph":
        try:
            return self._compile(None)
        except GraphError:
            return self._compile(frozenset(keys))

    def _compile(self, starts: frozenset[FeatureKey] | None) -> "Graph":
        length = hash_length()
        with self._lock:
            found = self._compiled.get((length, starts))
            if found is None:
                definitions = self.feature_definitions_by_key
                keys = definitions if starts is None else self._needed(starts)
                found = compile_definitions([definitions[key] for key in keys], length)
                self._compiled[length, starts] = found
            return found

    def _needed(self, starts: Iterable[FeatureKey]) -> Iterable[FeatureKey]:
        """The given features and all that they depend on."""
        needed: dict[FeatureKey, None] = {}
        todo = list(starts)
        while todo:
            key = todo.pop()
            definition = self.feature_definitions_by_key.get(key)
            # What is missing is left to the engine, which says who asks for it.
            if definition is not None and key not in needed:
                needed[key] = None
                todo.extend(dep.feature for dep in definition.spec.deps)
        return needed

    def get_feature_plan(self, key: CoercibleToFeatureKey) -> FeaturePlan:
        """A feature with its upstreams."""
        spec = self.get_feature_definition(key).spec
        self.compiled_for(spec.key)
        deps = [self.feature_definitions_by_key[dep.feature].spec for dep in spec.deps]
        feature_deps: list[FeatureDep] | None = spec.deps or None
        return FeaturePlan(feature=spec, deps=deps or None, feature_deps=feature_deps)

    def get_feature_version(self, key: CoercibleToFeatureKey) -> str:
        """The version of a feature's definition, that of its upstreams included."""
        wanted = coerce_to_feature_key(key)
        return self.compiled_for(wanted).feature_version(wanted.to_string())

    def get_feature_version_by_field(self, key: CoercibleToFeatureKey) -> dict[str, str]:
        """The version of each field of a feature."""
        wanted = coerce_to_feature_key(key)
        return self.compiled_for(wanted).field_versions(wanted.to_string())

    def get_field_version(self, key: FQFieldKey) -> str:
        """The version of a field."""
        return self.get_feature_version_by_field(key.feature)[key.field.to_string()]

    def join_keys(self, key: CoercibleToFeatureKey) -> list[str]:
        """The columns on which upstreams are joined and compared with what is stored."""
        wanted = coerce_to_feature_key(key)
        return self.compiled_for(wanted).join_keys(wanted.to_string())

    def get_downstream_features(self, sources: Sequence[CoercibleToFeatureKey]) -> list[FeatureKey]:
        """Everything that depends on the given features, upstreams first, without them."""
        given = {coerce_to_feature_key(it) for it in sources}
        for key in given:
            self.get_feature_definition(key)
        graph = self.compiled()
        reached = {FeatureKey(name) for key in given for name in graph.downstream(str(key))}
        return self._ordered(reached - given)

    def get_upstream_features(self, sources: Sequence[CoercibleToFeatureKey]) -> list[FeatureKey]:
        """Everything that the given features depend on, upstreams first, without them."""
        given = {coerce_to_feature_key(it) for it in sources}
        reached = {
            FeatureKey(name)
            for key in given
            for name in self.compiled_for(key).upstream(key.to_string())
        }
        return self._ordered(reached - given)

    def topological_sort_features(
        self,
        feature_keys: Sequence[CoercibleToFeatureKey] | None = None,
        *,
        descending: bool = False,
    ) -> list[FeatureKey]:
        """Features with upstreams first, equals by key; the other way round if `descending`."""
        if feature_keys is None:
            ordered = self._ordered(self.feature_definitions_by_key)
        else:
            ordered = self._ordered({self.get_feature_definition(key).key for key in feature_keys})
        return ordered[::-1] if descending else ordered

    def _ordered(self, keys: Iterable[FeatureKey]) -> list[FeatureKey]:
        wanted = {key.to_string(): key for key in keys}
        if len(wanted) <= 1:
            return list(wanted.values())
        order = self._compiled_for(wanted.values()).keys()
        return [wanted[name] for name in order if name in wanted]

    def get_deletion_order(
        self,
        feature: CoercibleToFeatureKey,
        *,
        direction: Direction = "downstream",
        include_self: bool = True,
    ) -> list[FeatureKey]:
        """In which order to delete: dependents first, unless `direction` is `upstream`."""
        key = self.get_feature_definition(feature).key
        order = self.compiled().deletion_order(key.to_string(), direction, include_self)
        return [FeatureKey(name) for name in order]

    def get_project_version(self, project: str) -> str:
        """The version of all features of a project that are not external; `empty` if none."""
        own = [
            definition
            for definition in self.feature_definitions_by_key.values()
            if definition.project == project and not definition.is_external
        ]
        if not own:
            return "empty"
        if self._own_projects() == [project]:
            return self.compiled().snapshot_version
        return compile_definitions(self._seen_from(project), hash_length()).snapshot_version

    def _seen_from(self, project: str) -> list[FeatureDefinition]:
        """A project's features, and those that they need; of other projects, as external ones."""
        definitions = self.feature_definitions_by_key
        own = [it.key for it in definitions.values() if it.project == project]
        return [
            FeatureDefinition.external(
                spec=it.spec,
                project=it.project,
                provenance_by_field=self.get_feature_version_by_field(it.key),
            )
            if it.project != project and not it.is_external
            else it
            for it in (definitions[key] for key in self._needed(own))
        ]

    @property
    def project_version(self) -> str:
        """The version of the whole graph; `empty` if there is nothing in it."""
        return self.compiled().snapshot_version if self._own_projects() else "empty"

    @property
    def snapshot_version(self) -> str:
        """The version of the whole graph, by its name before 2026."""
        return self.project_version

    # For people

    def render(
        self,
        form: DrawnAs = "text",
        *,
        features: Sequence[CoercibleToFeatureKey] | None = None,
        versions: bool = False,
        version_length: int | None = 12,
    ) -> str:
        """The graph drawn, or only some features of it: as text, for Mermaid, or for Graphviz.

        >>> print(FeatureGraph().render("mermaid"))
        flowchart TD
        <BLANKLINE>
        """
        only = None
        if features is not None:
            only = [self.get_feature_definition(it).key.to_string() for it in features]
        return self.compiled().render(
            form, versions=versions, version_length=version_length, only=only
        )

    def diff(self, newer: "FeatureGraph", form: DrawnAs | Literal["json"] = "text") -> str:
        """What is different in a newer graph, and why: drawn, or as JSON.

        >>> print(FeatureGraph().diff(FeatureGraph()))
        nothing differs
        <BLANKLINE>
        """
        return self.compiled().diff(newer.compiled(), form)

    # As a record

    def to_snapshot(self, *, project: str | None = None) -> dict[str, SerializedFeature]:
        """The features of a project, or all, as plain JSON values. External ones are left out."""
        definitions = self.feature_definitions_by_key
        return {
            key.to_string(): serialized(definitions[key], self.get_feature_version(key))
            for key in self._ordered(definitions)
            if not definitions[key].is_external and project in (None, definitions[key].project)
        }

    @classmethod
    def from_snapshot(cls, snapshot_data: Mapping[str, Any] | str) -> Self:
        """The graph of a snapshot: of `to_snapshot`, of a store, or the engine's JSON text."""
        graph = cls()
        for definition in definitions_in(snapshot_data):
            graph.add_feature_definition(definition)
        return graph

    # Which one is active

    @classmethod
    def get_active(cls) -> "FeatureGraph":
        """The graph that new classes register in."""
        return _active.get()

    @classmethod
    def get(cls) -> "FeatureGraph":
        """The graph that new classes register in."""
        return cls.get_active()

    @classmethod
    def set_active(cls, reg: "FeatureGraph") -> None:
        """Makes a graph the active one: within `use()` until its end, else everywhere."""
        _active.set(reg)

    @contextlib.contextmanager
    def use(self) -> Generator[Self]:
        """Makes this graph the active one in a block, for this thread or task alone."""
        with _active.use(self):
            yield self


_active = Active("graph", FeatureGraph())


def current_graph() -> FeatureGraph:
    """The active graph."""
    return FeatureGraph.get_active()


def _replaces(given: FeatureDefinition, existing: FeatureDefinition) -> bool:
    if existing.is_external:
        return True
    path = given.feature_class_path
    return path is not None and path == existing.feature_class_path


def _refuse(existing: FeatureDefinition, given: FeatureDefinition) -> None:
    first, second = (it.feature_class_path or it.source for it in (existing, given))
    if first == second and (existing.spec, existing.project) == (given.spec, given.project):
        return
    raise FeatureExistsError(
        f"Feature with key {given.key} already registered, by `{first}`; now also by `{second}`",
        hint="give one of them another key, or use another graph: `with FeatureGraph().use():`",
    )
