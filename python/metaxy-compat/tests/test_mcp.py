"""What assistants are told, asked through the protocol."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError

import metaxy as mx
from metaxy.ext.mcp import create_server

SECRET = "s3cret-of-the-test"


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> Iterator[mx.MetaxyConfig]:
    postgresql = {
        "connection_params": {"host": "db", "user": "anna", "password": SECRET},
    }
    config = mx.MetaxyConfig(
        project="media",
        store="dev",
        stores={
            "dev": mx.StoreConfig(
                type="metaxy.ext.duckdb.DuckDBMetadataStore",
                config={"database": str(tmp_path / "it.duckdb")},
            ),
            "prod": mx.StoreConfig(
                type="metaxy.ext.postgresql.PostgreSQLMetadataStore", config=postgresql
            ),
            "other": mx.StoreConfig(
                type="metaxy.ext.postgresql.PostgreSQLMetadataStore",
                config={"connection_string": f"postgresql://anna:{SECRET}@db/x"},
            ),
        },
    )
    with mx.FeatureGraph().use(), config.use():

        class Raw(mx.BaseFeature, spec=mx.FeatureSpec(key="video/raw", id_columns=["id"])):
            __metaxy_project__ = "media"
            id: str

        class Crop(
            mx.BaseFeature, spec=mx.FeatureSpec(key="video/crop", id_columns=["id"], deps=[Raw])
        ):
            __metaxy_project__ = "other"
            id: str

        rows = {
            "id": ["b", "c", "a"],
            "metaxy_provenance_by_field": [{"default": it} for it in "xyz"],
        }
        with config.get_store("dev").open("w") as store:
            store.write(Raw, pl.DataFrame(rows))
        yield config


def ask(tool: str, **given: Any) -> Any:
    async def asked() -> Any:
        async with Client(create_server()) as client:
            answer = await client.call_tool(tool, given)
            text = "".join(getattr(it, "text", "") for it in answer.content)
            try:
                return json.loads(text)
            except ValueError:
                return text

    return asyncio.run(asked())


def test_features_are_told() -> None:
    found = ask("list_features")
    assert found["feature_count"] == 2
    raw, crop = found["features"]
    assert (raw["key"], raw["is_root"], raw["project"]) == ("video/raw", True, "media")
    assert raw["import_path"].endswith("Raw") and raw["field_count"] == 1
    assert len(raw["version"]) == 8 and "deps" not in crop
    (crop,) = ask("list_features", project="other", verbose=True)["features"]
    assert crop["deps"] == ["video/raw"]
    assert crop["fields"][0]["deps"] == [{"feature": "video/raw", "fields": ["default"]}]
    spec = ask("get_feature", feature_key="video/crop")
    assert (spec["key"], spec["id_columns"]) == ("video/crop", ["id"])
    assert spec["deps"][0]["feature"] == "video/raw"
    with pytest.raises(ToolError, match="video/none"):
        ask("get_feature", feature_key="video/none")


def test_stores_are_told_without_passwords(config: mx.MetaxyConfig) -> None:
    stores = {it["name"]: it["type"] for it in ask("list_stores")}
    assert list(stores) == ["dev", "prod", "other"]
    assert stores["dev"] == "metaxy.ext.duckdb.DuckDBMetadataStore"
    assert ask("get_store", store_name="dev") == str(config.get_store("dev"))
    told = ask("get_config")
    assert (told["project"], told["store"], told["config_file"]) == ("media", "dev", None)
    assert told["stores"]["prod"]["config"]["connection_params"]["user"] == "anna"
    shown = [json.dumps(told), *(ask("get_store", store_name=name) for name in stores)]
    assert not any(SECRET in it for it in shown), shown


def test_metadata_is_read() -> None:
    def rows(**given: Any) -> Any:
        return ask("get_metadata", feature_key="video/raw", store_name="dev", **given)

    found = rows(sort_by=["id"], limit=2)
    assert [row["id"] for row in found["rows"]] == ["a", "b"] and found["total_rows"] == 2
    assert "metaxy_updated_at" in found["columns"]
    found = rows(sort_by=["id"], descending=True, columns=["id"])
    assert found == {"columns": ["id"], "rows": [{"id": it} for it in "cba"], "total_rows": 3}
    assert rows(filters=["id > 'a'", "id < 'c'"], columns=["id"])["rows"] == [{"id": "b"}]
    with pytest.raises(ToolError, match="video/crop was not found"):
        ask("get_metadata", feature_key="video/crop", store_name="dev")


def test_the_command_serves_its_project(tmp_path: Path) -> None:
    """By what it is asked on its input, as assistants start it."""
    (tmp_path / "metaxy.toml").write_text('project = "media"\nentrypoints = ["served_features"]\n')
    (tmp_path / "served_features.py").write_text(
        "import metaxy as mx\n"
        "class Raw(mx.BaseFeature, spec=mx.FeatureSpec(key='served/raw', id_columns=['id'])):\n"
        "    id: str\n"
    )
    command = [sys.executable, "-W", "ignore", "-m", "metaxy", "mcp"]

    def message(number: int | None, method: str, **given: Any) -> str:
        asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": given}
        return json.dumps({name: it for name, it in asked.items() if it is not None}) + "\n"

    client = {"name": "test", "version": "1"}
    begun = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(message(1, "initialize", **begun))
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["result"]["serverInfo"]["name"] == "metaxy"
        server.stdin.write(message(None, "notifications/initialized"))
        server.stdin.write(message(2, "tools/call", name="list_features", arguments={}))
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        told = json.loads(answer["result"]["content"][0]["text"])
        server.stdin.close()
    assert [it["key"] for it in told["features"]] == ["served/raw"]
