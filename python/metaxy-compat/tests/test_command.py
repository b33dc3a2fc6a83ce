"""The command in the words of Metaxy."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest
import tomli as tomllib
import yaml
from metalith.errors import InvalidError
from rich.console import Console

import metaxy as mx
from metaxy.__main__ import main
from metaxy.cli.dotenv import variables_in
from metaxy.cli.utils import (
    CLIError,
    CLIErrorCode,
    exit_with_error,
    print_error,
    print_error_list,
)
from metaxy.command import find
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore
from metaxy.graph.status import get_feature_metadata_status
from metaxy.metadata_store.system import UnknownSnapshotError
from metaxy.words import translated


@pytest.fixture(autouse=True)
def graph() -> Iterator[mx.FeatureGraph]:
    with mx.FeatureGraph().use() as graph:
        declare("1")
        yield graph


def declare(code_version: str) -> type[mx.BaseFeature]:
    class Video(mx.BaseFeature, spec=mx.FeatureSpec(key="video", id_columns=["id"])):
        """A film."""

        __metaxy_project__ = "shop"
        id: str

    fields = [mx.FieldSpec(key="default", code_version=code_version)]
    dep = mx.FeatureDep(feature=Video, select=[], optional=True)
    spec = mx.FeatureSpec(key="crop", id_columns=["id"], deps=[dep], fields=fields)

    class Crop(mx.BaseFeature, spec=spec):
        __metaxy_project__ = "shop"
        id: str

    return Crop


@pytest.fixture
def config(tmp_path: Path) -> Iterator[mx.MetaxyConfig]:
    place = {"root_path": str(tmp_path / "store")}
    store = {"type": "metaxy.ext.polars.handlers.delta.DeltaMetadataStore", "config": place}
    with mx.MetaxyConfig(project="shop", store="dev", stores={"dev": store}).use() as config:
        yield config


@pytest.fixture
def said(config: mx.MetaxyConfig, capsys: pytest.CaptureFixture[str]) -> "Said":
    return Said(config, capsys)


class Said:
    """Runs commands; calling it gives what one prints."""

    def __init__(self, config: mx.MetaxyConfig, output: pytest.CaptureFixture[str]) -> None:
        self.config, self.output = config, output

    def __call__(self, text: str) -> str:
        found = find(text.split())
        assert found is not None
        command, rest = found
        assert command(self.config, rest) == 0
        return self.output.readouterr().out


def test_a_push_prints_the_version_and_nothing_else(said: Said, graph: mx.FeatureGraph) -> None:
    version = graph.get_project_version("shop")
    assert said("history") == ""
    assert said("push --tags.commit abc -t release=1") == f"{version}\n"
    assert said("push") == f"{version}\n"
    assert said("history --limit 1").startswith(f"{version}  ")
    with said.config.get_store() as store:
        (tags, *_) = mx.SystemTableStorage(store).read_features()["tags"]
    assert json.loads(tags) == {"commit": "abc", "release": "1"}


def test_features_are_listed_and_described_as_json(said: Said) -> None:
    listed = json.loads(said("list features -f json"))
    assert listed["feature_count"] == 2
    assert "deps" not in listed["features"][1]
    video, crop = json.loads(said("list features -f json -v"))["features"]
    assert (video["key"], video["is_root"], crop["deps"]) == ("video", True, ["video"])
    assert crop["fields"][0]["deps"] == [{"feature": "video", "fields": ["default"]}]
    crop = json.loads(said("describe features crop --format json"))
    assert crop["dependencies"] == [{"feature": "video", "select": [], "optional": True}]
    both = json.loads(said("describe features --all-features -f json"))["features"]
    assert [it["description"] for it in both] == ["A film.", None]
    plain = said("describe features video crop").splitlines()
    assert plain[0].startswith("video (") and plain[0].endswith(") shop")
    assert plain[1].startswith("Source: ") and plain[1].endswith("Video")
    assert "  A film." in plain and "Dependencies:" in plain
    assert plain[-1] == "  video (only ids; optional)"
    assert plain[plain.index("Fields:", 8) + 1].endswith("← video:(default)")


@pytest.mark.parametrize(
    ("given", "code", "details"),
    [
        ("", "MISSING_REQUIRED_FLAG", {"required_flags": ["--all-features", "<features>"]}),
        (
            "crop --all-features",
            "CONFLICTING_FLAGS",
            {"conflicting_flags": ["--all-features", "<features>"]},
        ),
        ("crop film", "FEATURES_NOT_FOUND", {"features": ["film"]}),
        ("crop Film", "INVALID_FEATURE_KEY", {"key": "Film"}),
    ],
)
def test_what_is_wrong_with_features_is_told_as_json(
    said: Said, given: str, code: str, details: dict[str, object]
) -> None:
    with pytest.raises(SystemExit) as ended:
        said(f"describe features {given} --format json")
    assert ended.value.code == 1
    told = json.loads(said.output.readouterr().out)
    assert told.pop("message") and told == {"error": code, **details}


@pytest.mark.parametrize(
    "given", ["delete --yes", "copy --from a --to b", "delete x --all-features"]
)
def test_nothing_is_deleted_or_copied_that_was_not_named(
    config: mx.MetaxyConfig, given: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        translated(["metadata", *given.split()], config)
    assert ended.value.code == 1


@pytest.mark.parametrize("option", [["--project", "other"], ["--all-projects"]])
def test_another_project_is_not_recorded(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*option, "push"]) == 1
    assert "no other" in capsys.readouterr().err


def test_graphs_are_drawn_and_compared(said: Said, tmp_path: Path) -> None:
    said("push")
    assert "crop" not in said("graph render --feature video --down 0 --minimal")
    drawn = tmp_path / "graph.dot"
    assert said(f"graph render -f graphviz -o {drawn} --snapshot latest") == ""
    assert drawn.read_text().startswith("digraph")
    with mx.FeatureGraph().use():
        declare("2")
        as_yaml = said("graph-diff render latest current -f yaml")
        as_json = said("graph-diff render latest current -f json")
        assert yaml.safe_load(as_yaml) == json.loads(as_json)
        for words in ("latest", "latest current --store dev"):
            different = said(f"graph-diff render {words}")
            assert "crop" in different
            assert "video" not in different
        both = json.loads(said("graph-diff render latest --format json"))
        assert {key: it["status"] for key, it in both["nodes"].items()} == {
            "video": "unchanged",
            "crop": "changed",
        }
        around = "graph-diff render latest current --feature video --down 0"
        assert "crop" not in said(around)
        with pytest.raises(InvalidError, match="Graphviz"):
            said(f"{around} --format graphviz")
        described = said("describe graph latest").split()
        assert described[:2] == ["Graph", "Snapshot:"] and "• video" in said("describe graph")
        assert "Total Features 2 Graph Depth 2 Root Features 1" in " ".join(described)
        with pytest.raises(UnknownSnapshotError):
            said("graph render --snapshot nope")


def test_samples_are_rebased(said: Said) -> None:
    with said.config.get_store().open("w") as store:
        rows = {"id": ["a"], "metaxy_provenance_by_field": [{"default": "1"}]}
        store.write("video", pl.DataFrame(rows))
        store.write("crop", store.resolve_update("crop").new)
        old = mx.FeatureGraph.get_active().get_feature_version("crop")
    with mx.FeatureGraph().use():
        Crop = declare("2")
        assert said(f"metadata rebase crop --from {old} --dry-run").startswith("1 samples would")
        assert said(f"metadata rebase crop --from {old}").startswith("1 samples were")
        with said.config.get_store() as store:
            assert [len(it) for it in store.resolve_update(Crop)][:2] == [0, 0]


def test_how_features_stand_is_told(said: Said) -> None:
    with said.config.get_store().open("w") as store:
        hashes = [{"default": "1"}, {"default": "2"}, {"default": "3"}]
        rows = {"id": ["a", "b", "c"], "size": [1, 2, 3], "metaxy_provenance_by_field": hashes}
        store.write("video", pl.DataFrame(rows))
        increment = store.resolve_update("crop").new
        store.write("crop", increment.filter(nw.col("id") != "c"))
        told = get_feature_metadata_status("crop", store, staleness_predicates=["id = 'a'"])
        assert told.status.format_status_line() == (
            "⚠ crop (rows: 2, missing: 1, stale: 1, orphaned: 0)"
        )
        assert "Missing samples:" in told.sample_details()
        with pytest.raises(ValueError, match="not found"):
            get_feature_metadata_status("nothing", store)

    shown = json.loads(said("metadata status --all-features --format json --progress"))
    assert shown["project_version"] is None and shown["needs_update"]
    video, crop = shown["features"]["video"], shown["features"]["crop"]
    assert (video["status"], video["store_rows"], "missing" in video) == ("root_feature", 3, False)
    assert (crop["status"], crop["missing"], crop["stale"]) == ("needs_update", 1, 0)
    assert crop["progress_percentage"] == pytest.approx(200 / 3)
    assert crop["store_metadata"]["resolved_from"]["uri"].endswith("crop.delta")

    def crop_with(options: str) -> dict[str, int]:
        features = json.loads(said(f"metadata status crop --format json {options}"))["features"]
        return {name: features["crop"][name] for name in ("store_rows", "missing", "stale")}

    assert crop_with("--global-filter id='b'") == {"store_rows": 1, "missing": 0, "stale": 0}
    assert crop_with("--filter id='b'") == {"store_rows": 1, "missing": 2, "stale": 0}
    assert crop_with("--stale-if id='b'") == {"store_rows": 2, "missing": 1, "stale": 1}
    assert "1 missing" in said("metadata status crop --verbose")


def test_what_is_not_in_sync_is_an_exit_code(
    said: Said, config: mx.MetaxyConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    def code(words: str) -> int:
        command, rest = find(["metadata", "status", *words.split()]) or pytest.fail("no command")
        return command(config, rest)

    # Metaxy ends well here: nothing is there, and that is not in sync.
    assert code("video --assert-in-sync") == 1
    with config.get_store().open("w") as store:
        rows = {"id": ["a"], "metaxy_provenance_by_field": [{"default": "1"}]}
        store.write("video", pl.DataFrame(rows))
        assert code("crop --assert-in-sync") == 1
        store.write("crop", store.resolve_update("crop").new)
    assert code("crop video --assert-in-sync") == 0
    assert code("crop nothing --assert-in-sync") == 1
    capsys.readouterr()
    shown = json.loads(said("metadata status crop nothing --format json"))
    assert shown["warnings"] == {"missing_in_graph": ["nothing"]}
    assert json.loads(said("metadata status nothing --format json"))["warning"] == (
        "No valid features to check"
    )
    for words, kind in [
        ("", "MISSING_REQUIRED_FLAG"),
        ("crop --all-features", "CONFLICTING_FLAGS"),
    ]:
        with pytest.raises(SystemExit, match="1"):
            code(f"{words} --format json")
        assert json.loads(capsys.readouterr().out)["error"] == kind
    with mx.FeatureGraph().use():
        assert json.loads(said("metadata status --all-features --format json"))["features"] == {}


def test_settings_are_printed(said: Said) -> None:
    assert json.loads(said("config print -f json"))["project"] == "shop"
    printed = tomllib.loads(said("config print"))
    assert (printed["project"], printed["store"]) == ("shop", "dev")
    assert "dev (default)  DeltaMetadataStore" in said("list stores")
    listed = json.loads(said("list stores -f json"))
    assert (listed["default_store"], listed["store_count"]) == ("dev", len(listed["stores"]))
    (name, *_) = [it["name"] for it in listed["stores"] if it["is_default"]]
    (dev, *_) = listed["stores"]
    assert name == "dev" and dev["fallbacks"] == []
    assert (
        dev["info"] == f"DeltaMetadataStore(path={said.config.stores['dev'].config['root_path']})"
    )


def test_features_are_listed_for_people(said: Said) -> None:
    listed = said("list features --verbose").splitlines()
    assert [it.split() for it in listed[:2]] == [
        ["shop"],
        ["Feature", "Version", "Source", "Dependencies"],
    ]
    assert "Total: 2 feature(s) (1 root, 1 dependent)" in listed
    assert listed[-1].endswith("video.default")
    with mx.FeatureGraph().use():
        assert said("list features") == "No features found in the current project.\n"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("metadata drop crop -f plain", ["metadata drop crop"]),
        ("metadata resolve crop --format json", ["metadata resolve crop --json"]),
        (
            "metadata delete --all-features --yes --with-feature-history",
            [
                "metadata delete --yes --feature-history crop",
                "metadata delete --yes --feature-history video",
            ],
        ),
        (
            "metadata copy video --from a --to b",
            ["metadata copy video --from a --to b --feature-history"],
        ),
        (
            "metadata copy video --from a --to b --no-with-feature-history --with-sample-history",
            ["metadata copy video --from a --to b --sample-history"],
        ),
        ("metadata delete --feature crop --yes", ["metadata delete --feature crop --yes"]),
        ("metadata delete --hard crop", ["metadata delete --hard crop"]),
        (
            "metadata delete --hard crop --filter a=1",
            ["metadata delete --hard --filter a=1 --yes crop"],
        ),
        (
            "metadata delete video crop --dry-run",
            ["metadata delete --dry-run crop", "metadata delete --dry-run video"],
        ),
        (
            "metadata delete video --hard --filter a=1 --cascade downstream",
            ["metadata delete video --hard --filter a=1 --cascade downstream"],
        ),
        ("metadata copy --help", ["metadata copy --help"]),
        ("objects audit --json", ["objects audit --json"]),
    ],
)
def test_what_both_have_is_said_in_metaliths_words(
    config: mx.MetaxyConfig, given: str, wanted: list[str]
) -> None:
    found = [" ".join(it) for it in translated(given.split(), config)]
    assert found == wanted


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("A=b", {"A": "b"}),
        ("  export A = b # why", {"A": "b"}),
        ("A='b # c' # why", {"A": "b # c"}),
        ('A="b \\"c\\"\\n" # why', {"A": 'b "c"\n'}),
        ("A=b#c", {"A": "b#c"}),
        ("A=", {"A": ""}),
        ("# A=b", {}),
        ("A", {}),
    ],
)
def test_a_file_names_variables(line: str, wanted: dict[str, str], tmp_path: Path) -> None:
    assert variables_in(tmp_path / ".env") == {}
    (tmp_path / ".env").write_text(f"{line}\n")
    assert variables_in(tmp_path / ".env") == wanted


def test_the_command_reads_variables_and_says_when_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OF_THE_PROCESS", "kept")
    monkeypatch.delenv("OF_THE_FILE", raising=False)
    (tmp_path / ".env").write_text("OF_THE_PROCESS=lost\nOF_THE_FILE=staging\n")
    store = 'type = "metaxy.ext.polars.handlers.delta.DeltaMetadataStore"'
    lines = ['project = "shop"', 'store = "${OF_THE_PROCESS}"']
    for name, place in (("kept", "kept"), ("staging", "${OF_THE_FILE}")):
        lines += [f"[stores.{name}]", store, f"[stores.{name}.config]", f'root_path = "{place}"']
    (tmp_path / "metaxy.toml").write_text("\n".join(lines))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", list(sys.path))
        rows = {"id": ["a"], "metaxy_provenance_by_field": [{"default": "h"}]}
        with DeltaMetadataStore(root_path="kept").open("w") as kept:
            kept.write("video", pl.DataFrame(rows))
        assert main(["metadata", "copy", "video", "--from", "kept", "--to", "staging"]) == 0
        assert "✓ Copy complete: 1 feature(s)" in capfd.readouterr().out
        assert (tmp_path / "staging").is_dir()
        assert main(["metadata", "delete", "video", "--filter", "id = 'a'"]) == 0
        assert "✓ Deletion complete (soft delete)" in capfd.readouterr().err
    mx.MetaxyConfig.reset()
    monkeypatch.delenv("OF_THE_FILE")


def test_scripts_tell_of_errors_as_the_command_did(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(file=sys.stdout)
    print_error(console, "cannot load", ValueError("no [/such] file"), prefix="!")
    print_error_list(console, {f"f{it}": f"[{it}]" for it in range(3)}, header="bad:", max_items=2)
    assert capsys.readouterr().out.splitlines() == [
        "! cannot load: no [/such] file",
        "bad:",
        "  ✗ f0: [0]",
        "  ✗ f1: [1]",
        "  ... and 1 more",
    ]
    error = CLIError(CLIErrorCode.GENERIC_ERROR, "no", {"key": "a"}, hint="look at [toml]")
    with pytest.raises(SystemExit):
        exit_with_error(error, "json")
    assert json.loads(capsys.readouterr().out) == {
        "error": "GENERIC_ERROR",
        "message": "no",
        "key": "a",
    }
    with pytest.raises(SystemExit):
        exit_with_error(error, "plain")
    assert capsys.readouterr().out == "Error: no\nHint: look at [toml]\n"
