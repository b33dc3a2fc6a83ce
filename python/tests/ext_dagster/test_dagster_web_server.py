"""A deletion started the way people start it: in the web server, through its GraphQL."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

import dagster as dg
import polars as pl
import pytest
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context

import metalith as ml

PROJECT = Path(__file__).parent / "definitions_of_a_project.py"
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
RUN = """
query ($run: ID!) {
  runOrError(runId: $run) { ... on Run { status } }
  logsForRun(runId: $run) { ... on EventConnection { events { ... on MessageEvent { message } } } }
}
"""
ASSET = """
query { assetNodes { assetKey { path } kinds opVersion description } }
"""
DONE = ("SUCCESS", "FAILURE", "CANCELED")


class WebServer:
    def __init__(self, address: str, location: str) -> None:
        self.address = address
        self.location = location

    def ask(self, query: str, **variables: Any) -> Any:
        asked = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(f"{self.address}/graphql", asked, headers)) as answer:
            body = json.load(answer)
        assert "errors" not in body, body
        return body["data"]

    def launch(self, job: str, config: Any) -> str:
        selector = {
            "repositoryLocationName": self.location,
            "repositoryName": "__repository__",
            "pipelineName": job,
        }
        params = {"selector": selector, "mode": "default", "runConfigData": config}
        launched = self.ask(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def wait_for(self, run: str) -> tuple[str, list[str]]:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            found = self.ask(RUN, run=run)
            if found["runOrError"]["status"] in DONE:
                events = found["logsForRun"]["events"]
                return found["runOrError"]["status"], [it.get("message", "") for it in events]
            time.sleep(0.2)
        raise AssertionError(f"run {run} does not end")


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of an application, on a port that is free."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.05)
        (address,) = {it.getsockname() for one in server.servers for it in one.sockets}
        yield f"http://{address[0]}:{address[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setenv("STORE_OF_THE_TEST", str(tmp_path / "shop"))
    home = tmp_path / "dagster"
    home.mkdir()
    # Runs start at once, without a daemon, and nobody is told.
    at_once = {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"}
    settings = {"run_coordinator": at_once, "telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(home), overrides=settings) as instance:
        target = PythonFileTarget(
            python_file=str(PROJECT),
            attribute=None,
            working_directory=str(PROJECT.parent),
            location_name="shop",
        )
        with (
            WorkspaceProcessContext(instance, target) as context,
            served(create_app_from_workspace_process_context(context)) as address,
        ):
            yield WebServer(address, "shop")


def test_a_deletion_is_started_from_the_web_server(server: WebServer, tmp_path: Path) -> None:
    (asset,) = server.ask(ASSET)["assetNodes"]
    assert asset["assetKey"]["path"] == ["customer", "segment"]
    assert asset["kinds"] == ["metaxy"]
    assert asset["opVersion"].startswith("metaxy:")

    class Segment(
        ml.BaseFeature,
        spec=ml.FeatureSpec(key=["customer", "segment"], id_columns=["id"], fields=["status"]),
    ):
        id: str
        status: str | None = None

    rows = {
        "id": ["c1", "c2"],
        "status": ["active", "inactive"],
        "metaxy_provenance_by_field": [{"status": "1"}, {"status": "2"}],
    }
    store = ml.DeltaMetadataStore(tmp_path / "shop")
    with store.open("write"):
        store.write(Segment, pl.DataFrame(rows))
    config = {
        "feature_key": ["customer", "segment"],
        "filters": ["status = 'inactive'"],
        "soft": True,
        "reason": "asked for in the web server",
    }
    run = server.launch("cleanup_job", {"ops": {"delete_metadata": {"config": config}}})
    status, messages = server.wait_for(run)
    assert status == "SUCCESS", messages
    assert "1. `customer/segment`: deleted 1 samples" in messages
    with store:
        assert store.read(Segment).collect()["id"].to_list() == ["c1"]
        (deletion,) = store.deletions()
    assert deletion["actor"] == f"dagster:{run}"
    assert deletion["reason"] == "asked for in the web server"
