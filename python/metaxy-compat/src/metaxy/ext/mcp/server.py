"""A server of MCP: what there is to know about a project, and nothing that changes it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from metalith.graph import FeatureGraph

import metaxy
from metaxy.command import listed_feature
from metaxy.config import MetaxyConfig
from metaxy.entrypoints import init
from metaxy.metadata_store.exceptions import FeatureNotFoundError

INSTRUCTIONS = """\
`list_features` says which features there are, `get_feature` what one of them is, `list_stores`
where their metadata is kept, and `get_metadata` what is in there. A feature's key is such as
`video/processing`; `list_features(verbose=True)` says what each field is computed from."""

_SECRET = re.compile(
    "password|passwd|passphrase|secret|token|credential|apikey|_key$|(^|_)sas(_|$)", re.IGNORECASE
)
_LOGIN = re.compile(r"(?<=://)([^/@:\s]*):[^/\s]*@")
_PAIR = re.compile(r"(?<=password=)('[^']*'|[^\s&]*)", re.IGNORECASE)

__all__ = ["create_server", "mcp", "run_server"]


def create_server() -> FastMCP:
    """A server of the project whose configuration is active, else of that of the working folder."""
    server: FastMCP = FastMCP("metaxy", instructions=INSTRUCTIONS, version=metaxy.__version__)
    tools = (get_config, list_features, get_feature, list_stores, get_store, get_metadata)
    for tool in tools:
        server.tool(tool)
    return server


def get_config() -> dict[str, Any]:
    """The configuration of the project, without its passwords."""
    config = _config()
    file = config.config_file
    told = {**config.model_dump(mode="json"), "config_file": str(file) if file else None}
    return cast("dict[str, Any]", _without_secrets(told))


def list_features(project: str | None = None, verbose: bool = False) -> dict[str, Any]:
    """The features with their versions and fields; `verbose`: and what they are computed from."""
    _config()
    found = FeatureGraph.get_active().feature_definitions_by_key
    features: list[dict[str, Any]] = []
    for key, definition in found.items():
        if project in (None, definition.project):
            told = listed_feature(key, verbose=verbose)
            own = {name: told[name] for name in told if name not in ("is_external", "source")}
            features.append({**own, "import_path": definition.feature_class_path})
    return {"feature_count": len(features), "features": features}


def get_feature(feature_key: str) -> dict[str, Any]:
    """What a feature declares: fields, upstreams, ids and metadata."""
    _config()
    definition = FeatureGraph.get_active().get_feature_definition(feature_key)
    return definition.spec.model_dump(mode="json")


def list_stores() -> list[dict[str, str]]:
    """The stores that are configured, each with its `name` and `type`."""
    stores = _config().stores.items()
    return [{"name": name, "type": _path(store.type)} for name, store in stores]


def get_store(store_name: str) -> str:
    """What a store is and where."""
    return str(_config().get_store(store_name))


def get_metadata(  # noqa: PLR0917 - as Metaxy takes them
    feature_key: str,
    store_name: str,
    columns: list[str] | None = None,
    filters: list[str] | None = None,
    with_feature_history: bool = False,
    with_sample_history: bool = False,
    include_soft_deleted: bool = False,
    allow_fallback: bool = True,
    sort_by: list[str] | None = None,
    descending: bool | list[bool] = False,
    limit: int = 50,
) -> dict[str, Any]:
    """Samples of a feature, `limit` of them at the most.

    `filters` are conditions such as `size > 5 AND name = 'a'`, which all must hold.
    """
    with _config().get_store(store_name) as store, _found(feature_key):
        found = store.read(
            feature_key,
            columns=columns,
            filters=filters or None,
            with_feature_history=with_feature_history,
            with_sample_history=with_sample_history,
            include_soft_deleted=include_soft_deleted,
            allow_fallback=allow_fallback,
        )
        if sort_by:
            found = found.sort(sort_by, descending=descending)
        rows = found.head(limit).collect().to_polars()
    return {"columns": rows.columns, "rows": rows.to_dicts(), "total_rows": len(rows)}


mcp = create_server()
"""A server that is ready to run."""


def run_server() -> None:
    """Serves whoever started this process, until they leave."""
    mcp.run()


def _config() -> MetaxyConfig:
    """The active configuration; where none is, the project is loaded."""
    return MetaxyConfig.get() if MetaxyConfig.is_set() else init()


@contextmanager
def _found(feature_key: str) -> Iterator[None]:
    try:
        yield
    except FeatureNotFoundError as error:
        raise ToolError(f"metadata of {feature_key} was not found: {error}") from error


def _path(of: object) -> str:
    return of if isinstance(of, str) else f"{of.__module__}.{cast('type', of).__qualname__}"


def _without_secrets(value: object) -> object:
    """A configuration as an assistant may see it.

    >>> _without_secrets({"at": "postgresql://anna:p@ss@db/x", "options": {"password": "p"}})
    {'at': 'postgresql://anna:***@db/x', 'options': {'password': '***'}}
    """
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, object]", value).items()
        return {
            key: "***" if it and _SECRET.search(key) else _without_secrets(it)
            for key, it in entries
        }
    if isinstance(value, list):
        return [_without_secrets(it) for it in cast("list[object]", value)]
    if isinstance(value, str):
        return _PAIR.sub("***", _LOGIN.sub(r"\1:***@", value))
    return value


if __name__ == "__main__":
    run_server()
