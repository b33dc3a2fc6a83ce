"""The engine. Everything here is called by this package alone: names may change at any time."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

@final
class Graph:
    """Features that fit together, with every version that follows from them.

    Keys are texts (`a/b`), field names too.
    """

    def __new__(cls, definitions: str, hash_length: int | None = None) -> Graph:
        """`definitions` is a JSON list of objects with `project`, `spec` (in the form of a stored
        spec), and perhaps `external` (`provenance_by_field`, `source`), `retention`
        (`keep_deleted`, `expire_after`, `expire_column`, `keep_versions`), `origin`, and `class`
        (`path`, `schema`), which recorded graphs keep."""

    def to_snapshot(self) -> str: ...
    @property
    def snapshot_version(self) -> str: ...
    def keys(self) -> list[str]:
        """In topological order, equals by key."""

    def feature_version(self, feature: str) -> str: ...
    def feature_code_version(self, feature: str) -> str: ...
    def field_versions(self, feature: str) -> dict[str, str]: ...
    def parent_fields(self, feature: str) -> dict[str, list[str]]:
        """Per field its parents as `feature/key.field`."""

    def join_keys(self, feature: str) -> list[str]: ...
    def upstream(self, feature: str) -> list[str]:
        """All of it, in topological order."""

    def downstream(self, feature: str) -> list[str]:
        """All of it, in topological order."""

    def deletion_order(self, feature: str, direction: str, include_self: bool) -> list[str]: ...
    def render(
        self,
        form: str,
        *,
        versions: bool = False,
        version_length: int | None = None,
        only: Sequence[str] | None = None,
    ) -> str:
        """As `text`, `mermaid` or `dot`."""

    def diff(self, newer: Graph, form: str) -> str:
        """As `json`, `text`, `mermaid` or `dot`."""

@final
class Frame:
    """Rows in memory, as Arrow. Any reader of Arrow's stream protocol takes them without a copy."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...
    def __len__(self) -> int: ...
    def with_views(self) -> Frame: ...

@final
class Increment:
    """Four frames. `waiting` holds those of `orphaned` whose upstream is there under an older
    definition."""

    @property
    def new(self) -> Frame: ...
    @property
    def stale(self) -> Frame: ...
    @property
    def orphaned(self) -> Frame: ...
    @property
    def waiting(self) -> Frame: ...
    @property
    def is_native(self) -> bool:
        """Whether the database found it."""

@final
class Place:
    """Where a store's tables are. Opening a store does I/O, naming its place does not."""

    @staticmethod
    def memory() -> Place: ...
    @staticmethod
    def delta(address: str, options: Mapping[str, str], layout: str) -> Place: ...
    @staticmethod
    def configured(folder: str, settings: str) -> Place:
        """The place of the store that a text in the form of `metalith.toml` configures, of any
        kind; paths in it are relative to `folder`."""

    def location(self) -> str: ...

@final
class Project:
    """A project on disk, as the command sees it."""

    @staticmethod
    def load(
        project: str | None,
        store: str | None,
        actor: str | None,
        declared: str,
        variables: Mapping[str, str],
    ) -> Project:
        """`project` is a folder or a `metalith.toml`; `None`: as the environment says, or from the
        current folder upwards. `declared` are definitions as `Graph` takes them, beside those in
        files. `variables` are for settings that the environment does not have."""

    @property
    def root(self) -> Path: ...
    @property
    def graph(self) -> Graph: ...
    def open(self, mode: str) -> Store:
        """Its store. Opening for writing finishes deletions that were interrupted."""

@final
class Store:
    """An open store. All methods that work release the interpreter's lock and stop on Ctrl-C.

    Filters are texts of Metalith's expression language.
    """

    @staticmethod
    def open(
        place: Place,
        *,
        mode: str,
        hash_algorithm: str | None = None,
        hash_length: int | None = None,
        actor: str | None = None,
        object_options: Mapping[str, Mapping[str, str]] = ...,
        fallback: Store | None = None,
    ) -> Store:
        """`mode` is `read` or `write`. A place with nothing in it reads as an empty store. Without
        an algorithm the store is taken as it is; a new one gets ours, cut to `hash_length`."""

    @property
    def hash_algorithm(self) -> str: ...
    @property
    def hash_length(self) -> int | None: ...
    def features(self) -> list[str]:
        """Those that have a table, by key, without system tables."""

    def stored_schema(self, graph: Graph, feature: str) -> Frame | None:
        """A frame without rows, or `None` without a table."""

    def read(
        self,
        graph: Graph,
        feature: str,
        *,
        filters: Sequence[str] = ...,
        columns: Sequence[str] | None = None,
        feature_version: str | None = None,
        feature_history: bool = False,
        sample_history: bool = False,
        include_deleted: bool = False,
        limit: int | None = None,
        views: bool = False,
    ) -> Frame:
        """With `views`, texts come as [`Frame.with_views`][] has them."""

    def read_from(self, feature: str) -> str | None:
        """Where a feature is read from, if that is not this store."""

    def write(
        self,
        graph: Graph,
        feature: str,
        rows: object,
        materialization_id: str | None = None,
        over_fallback: bool = False,
    ) -> int:
        """Takes anything with `__arrow_c_stream__`, or the path of a file; returns how many rows
        were written."""

    def resolve(
        self,
        graph: Graph,
        feature: str,
        *,
        samples: object | None = None,
        filters: Mapping[str, Sequence[str]] = ...,
        global_filters: Sequence[str] = ...,
        target_filters: Sequence[str] = ...,
        staleness: Sequence[str] = ...,
        skip_comparison: bool = False,
        prefer_native: bool | None = None,
        views: bool = False,
    ) -> Increment:
        """With `views`, texts come as [`Frame.with_views`][] has them."""

    def upstream_rows(
        self, graph: Graph, feature: str, filters: Mapping[str, Sequence[str]] = ...
    ) -> list[tuple[str, Frame]]:
        """The upstreams ready for a join of the caller's own, each with a column
        `metaxy_data_version_by_field__<feature>`."""

    def compute_provenance(self, graph: Graph, feature: str, joined: object) -> Frame:
        """Gives joined upstreams their version columns in place of those of the upstreams."""

    def progress(self, graph: Graph, feature: str) -> float | None: ...
    def status(
        self,
        graph: Graph,
        feature: str,
        *,
        global_filters: Sequence[str] = ...,
        target_filters: Sequence[str] = ...,
        staleness: Sequence[str] = ...,
    ) -> dict[str, Any]: ...
    def rebase(self, graph: Graph, feature: str, from_feature_version: str) -> Frame: ...
    def copy_from(
        self,
        source: Store,
        graph: Graph,
        feature: str,
        *,
        filters: Sequence[str] = ...,
        feature_history: bool = False,
        sample_history: bool = False,
        over_fallback: bool = False,
    ) -> int: ...
    def drop_feature(self, graph: Graph, feature: str) -> bool: ...
    def plan_deletion(
        self,
        graph: Graph,
        feature: str,
        *,
        filters: Sequence[str] = ...,
        hard: bool = False,
        cascade: str = "none",
        reason: str | None = None,
        feature_history: bool = False,
        sample_history: bool = False,
    ) -> Plan: ...
    def finish_interrupted(self, graph: Graph) -> list[str]:
        """Finishes deletions that were interrupted; returns their ids."""

    def restore(
        self, graph: Graph, deletion: str, filters: Sequence[str], dry_run: bool
    ) -> list[tuple[str, int]]: ...
    def deletions(self) -> list[dict[str, Any]]: ...
    def add_hold(
        self, graph: Graph, feature: str, filters: Sequence[str], reason: str | None
    ) -> tuple[str, int]: ...
    def holds(self) -> list[dict[str, Any]]: ...
    def release_hold(self, hold: str) -> None: ...
    def audit_objects(
        self, graph: Graph, prefixes: Sequence[str], min_age_seconds: int
    ) -> dict[str, Any]: ...
    def push(
        self, graph: Graph, project: str, tags: Mapping[str, str]
    ) -> tuple[str, list[str]]: ...
    def recorded_graphs(self) -> list[Frame]:
        """The rows in which graphs are recorded: a frame for each store of the chain that has
        any."""

@final
class Plan:
    """What a deletion would do. Nothing has happened yet."""

    @property
    def id(self) -> str: ...
    @property
    def steps(self) -> list[dict[str, Any]]:
        """Per feature: `feature`, `action`, `samples`, `rows`, `stale`, `objects`, `bytes`."""

    @property
    def blockers(self) -> list[dict[str, Any]]:
        """Each with `message` and `way_out`."""

    def apply(self) -> dict[str, Any]:
        """Carries it out, once."""

__version__: str

def check_filter(text: str) -> None:
    """Raises when a text is no expression."""

def run_command(
    arguments: Sequence[str], declared: str, call: Callable[[str, str, Frame], object]
) -> int:
    """The `metalith` command; the name of the program comes first. `declared` are definitions as
    `Graph` takes them, beside those in the project's files. `call` calls a function by its name,
    with a feature and samples of it, and gives back rows."""
