"""Commands of Metaxy that Metalith's command has under other names, or not at all.

What they print is their own, but for what scripts read: JSON, and the version that `push` prints.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from inspect import cleandoc
from operator import or_
from pathlib import Path
from typing import Any

from metalith._settings import to_toml
from metalith.errors import InvalidError
from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey
from metalith.lockfile import generate_lock_file
from metalith.stores import MetadataStore

from metaxy import status_command
from metaxy.cli.named import check_named, known_features, named_keys, own_features
from metaxy.config import InvalidConfigError, MetaxyConfig
from metaxy.graph import describe_graph
from metaxy.graph.diff.differ import GraphDiffer, snapshot_data
from metaxy.graph.diff.rendering import (
    BaseRenderer,
    CardsRenderer,
    GraphvizRenderer,
    MermaidRenderer,
    RenderConfig,
    TerminalRenderer,
)
from metaxy.graph.diff.rendering.formatter import DiffFormatter
from metaxy.metadata_store.fallback import WithFallbacks
from metaxy.metadata_store.system import SystemTableStorage

Arguments = list[str]
Command = Callable[[MetaxyConfig, Arguments], int]

RENDERERS: dict[str, type[BaseRenderer]] = {
    "terminal": TerminalRenderer,
    "cards": CardsRenderer,
    "mermaid": MermaidRenderer,
    "graphviz": GraphvizRenderer,
}


def find(arguments: Sequence[str]) -> tuple[Command, Arguments] | None:
    """The command that arguments begin with, if it is one of these, and the rest of them."""
    for words in (2, 1):
        found = COMMANDS.get(" ".join(arguments[:words]))
        if found is not None:
            return found, list(arguments[words:])
    return None


def push(config: MetaxyConfig, arguments: Arguments) -> int:
    """Records the graph; the version goes to the output, the rest is for people."""
    parser = _parser("push", "Record the graph in the store.", store=True)
    parser.add_argument("-t", "--tags", action="append", default=[], metavar="NAME=VALUE")
    tags: dict[str, str] = {}
    rest: Arguments = []
    for argument in arguments:
        # Written `--tags.commit abc` too.
        name = argument.removeprefix("--tags.") if argument.startswith("--tags.") else None
        rest += [argument] if name is None else ["--tags", name]
    given = parser.parse_args(_joined_tags(rest))
    for tag in given.tags:
        name, separator, value = tag.partition("=")
        if not separator:
            raise InvalidError(f"`{tag}` is no tag", hint="write NAME=VALUE")
        tags[name] = value
    with config.get_store(given.store).open("w") as store:
        done = SystemTableStorage(store).push_graph_snapshot(project=config.project, tags=tags)
    if not done.already_pushed:
        _tell("Recorded feature graph")
    elif done.updated_features:
        _tell("Updated feature information (no topological changes)")
    else:
        _tell("Snapshot already recorded (no changes)")
    for key in done.updated_features:
        _tell(f"  - {key}: declared otherwise than before")
    print(done.project_version)
    return 0


def _joined_tags(arguments: Arguments) -> Arguments:
    """`--tags commit abc` as `--tags commit=abc`."""
    joined: Arguments = []
    for argument in arguments:
        if len(joined) > 1 and joined[-2] in ("-t", "--tags") and "=" not in joined[-1]:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def history(config: MetaxyConfig, arguments: Arguments) -> int:
    """Lists the graphs that were recorded."""
    parser = _parser("history", "List the graphs that were recorded.", store=True)
    parser.add_argument("--limit", type=int, help="show so many, the newest")
    given = parser.parse_args(arguments)
    with config.get_store(given.store) as store:
        found = SystemTableStorage(store).read_graph_snapshots(config.project)
    if not len(found):
        _tell("No graph snapshots recorded yet")
        return 0
    _tell("Graph Snapshot History: Project version, Recorded At, Feature Count")
    shown = found.head(len(found) if given.limit is None else given.limit)
    for row in shown.iter_rows(named=True):
        version, count = row["metaxy_project_version"], row["feature_count"]
        print(f"{version}  {row['recorded_at']:%Y-%m-%d %H:%M:%S}  {count} features")
    _tell(f"Total snapshots: {len(shown)}")
    return 0


def list_features(config: MetaxyConfig, arguments: Arguments) -> int:
    """Lists the features of the project."""
    parser = _parser("list features", "List the features of the project.", form=True)
    parser.add_argument("-v", "--verbose", action="store_true", help="with fields and upstreams")
    given = parser.parse_args(arguments)
    listed = [listed_feature(key, verbose=given.verbose) for key in own_features(config)]
    if given.format == "json":
        _print_json({"feature_count": len(listed), "features": listed})
        return 0
    if not listed:
        print("No features found in the current project.")
        return 0
    for project in dict.fromkeys(it["project"] for it in listed):
        print(project)
        own = [it for it in listed if it["project"] == project]
        _print_table(
            ("Feature", "Version", "Source", *(["Dependencies"] if given.verbose else [])),
            [(it["key"], it["version"], it["source"], ", ".join(it.get("deps", ()))) for it in own],
        )
    roots, external = (sum(it[name] for it in listed) for name in ("is_root", "is_external"))
    counts = [f"{roots} root", f"{len(listed) - roots} dependent"]
    counts += [f"{external} external"] if external else []
    print(f"Total: {len(listed)} feature(s) ({', '.join(counts)})")
    for it in listed if given.verbose else ():
        print(f"\n{it['key']} ({it['project']}) {it['source']}")
        rows = [
            (
                field["key"],
                field["code_version"],
                field["version"],
                ", ".join(
                    f"{dep['feature']}.{name}"
                    for dep in field.get("deps", ())
                    for name in dep["fields"]
                ),
            )
            for field in it["fields"]
        ]
        _print_table(("Field", "Code Version", "Version", "Dependencies"), rows)
    return 0


def list_stores(config: MetaxyConfig, arguments: Arguments) -> int:
    """Lists the stores that are configured."""
    given = _parser("list stores", "List the configured stores.", form=True).parse_args(arguments)
    stores = [
        {
            "name": name,
            "is_default": name == config.store,
            "info": config.get_store(name).display(),
            "fallbacks": list(it.config.get("fallback_stores") or it.fallback_stores),
        }
        for name, it in config.stores.items()
    ]
    stores.sort(key=lambda it: (not it["is_default"], it["name"]))
    if given.format == "json":
        told = {"default_store": config.store, "store_count": len(stores), "stores": stores}
        _print_json(told)
        return 0
    if not stores:
        print("No stores configured.")
        return 0
    rows = [
        (
            f"{it['name']} (default)" if it["is_default"] else it["name"],
            it["info"],
            ", ".join(map(str, it["fallbacks"])),
        )
        for it in stores
    ]
    _print_table(("Name", "Info", "Fallbacks"), rows)
    print(f"Total: {len(stores)} store(s)")
    return 0


def describe_features(config: MetaxyConfig, arguments: Arguments) -> int:
    """Says everything about features."""
    parser = _parser("describe features", "Say everything about features.", form=True)
    parser.add_argument("keys", nargs="*")
    parser.add_argument("--all-features", action="store_true")
    given = parser.parse_args(arguments)
    check_named(given.keys, given.all_features, given.format)
    keys = own_features(config)
    if not given.all_features:
        keys = known_features(given.keys, given.format)
    found = [_described(key) for key in keys]
    if given.format == "json":
        _print_json(found[0] if len(found) == 1 else {"features": found})
        return 0
    print("\n\n".join(_description(it) for it in found))
    return 0


def describe(config: MetaxyConfig, arguments: Arguments) -> int:
    """Says how many features a graph has, how deep it is, and where it begins and ends."""
    parser = _parser("describe graph", "Say what there is to say about a graph.")
    parser.add_argument("snapshot", nargs="?", default="current")
    parser.add_argument("store", nargs="?")
    given = parser.parse_args(arguments)
    graph = _graph(config, given.snapshot, given.store)
    told = describe_graph(graph, config.project)
    of = f" (Project: {config.project})" if config.project else ""
    print(f"Graph Snapshot: {told['metaxy_project_version']}{of}")
    own = told.get("filtered_features", told["total_features"])
    counts = [("Total Features", told["total_features"])]
    counts += [(f"Features in {config.project}", own)] if own < told["total_features"] else []
    counts.append(("Graph Depth", told["graph_depth"]))
    ends = [("Root Features", told["root_features"]), ("Leaf Features", told["leaf_features"])]
    counts += [(name, len(keys)) for name, keys in ends]
    _print_table(("Metric", "Value"), [(name, str(count)) for name, count in counts])
    for name, keys in ends:
        print("\n".join([f"{name}:", *(f"  • {key}" for key in keys)]))
    return 0


def render(config: MetaxyConfig, arguments: Arguments) -> int:
    """Draws a graph."""
    parser = _parser("graph render", "Draw a graph.", store=True)
    parser.add_argument("-f", "--format", choices=list(RENDERERS), default="terminal")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("-t", "--type", choices=["graph", "cards"], default="graph")
    parser.add_argument("--snapshot", default="current")
    parser.add_argument("--feature")
    parser.add_argument("--up", type=int)
    parser.add_argument("--down", type=int)
    parser.add_argument("--hash-length", type=int, default=8)
    parser.add_argument("--minimal", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    _add_shown(parser)
    given = parser.parse_args(arguments)
    settings = RenderConfig(
        show_feature_versions=given.show_feature_versions and not given.minimal,
        hash_length=0 if given.verbose else given.hash_length,
        feature=given.feature,
        up=given.up,
        down=given.down,
        direction=given.direction,
        title=given.title,
        **{name: getattr(given, name) for name in SHOWN},
    )
    graph = _graph(config, given.snapshot, given.store)
    return _put(RENDERERS[given.format](graph, settings).render(), given.output)


SHOWN = (
    "show_fields",
    "show_field_versions",
    "show_code_versions",
    "show_project_version",
    "show_projects",
)
"""What `RenderConfig` takes beside versions of features. Drawings show what Metalith's do."""


def _add_shown(parser: argparse.ArgumentParser) -> None:
    taken = argparse.BooleanOptionalAction
    parser.add_argument("--show-feature-versions", action=taken, default=True)
    for name in SHOWN:
        hidden = argparse.SUPPRESS
        parser.add_argument(f"--{name.replace('_', '-')}", action=taken, default=True, help=hidden)
    parser.add_argument("--direction", default="TB", help=argparse.SUPPRESS)
    parser.add_argument("--title", help=argparse.SUPPRESS)


def render_diff(config: MetaxyConfig, arguments: Arguments) -> int:
    """Draws what is different between two graphs."""
    parser = _parser("graph-diff render", "Draw what differs between two graphs.")
    parser.add_argument("old", metavar="FROM")
    parser.add_argument("new", metavar="TO", nargs="?", default="current")
    parser.add_argument("store", nargs="?")
    parser.add_argument("--store", dest="named_store")
    parser.add_argument("-f", "--format", choices=[*RENDERERS, "json", "yaml"], default="terminal")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--feature", help="the one in the middle")
    _add_shown(parser)
    parser.add_argument("--up", type=int)
    parser.add_argument("--down", type=int)
    parser.add_argument("--minimal", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args(arguments)
    store = given.named_store or given.store
    old, new = (_graph(config, name, store) for name in (given.old, given.new))
    renderer = RENDERERS.get(given.format)
    if renderer is not None and given.feature is None:
        return _put(old.diff(new, renderer.form), given.output)
    form = "terminal" if given.format == "cards" else given.format
    if form == "graphviz":
        raise InvalidError("what is around a feature is not drawn for Graphviz")
    differ = GraphDiffer()
    before, after = (snapshot_data(it, config.project) for it in (old, new))
    merged = differ.create_merged_graph_data(before, after, differ.diff(before, after))
    merged = differ.filter_merged_graph(merged, given.feature, given.up, given.down)
    drawn = DiffFormatter().format(merged_data=merged, format=form, verbose=given.verbose)
    return _put(drawn, given.output)


def print_config(config: MetaxyConfig, arguments: Arguments) -> int:
    """Prints the configuration."""
    parser = _parser("config print", "Print the configuration.")
    parser.add_argument("-f", "--format", choices=["toml", "json"], default="toml")
    given = parser.parse_args(arguments)
    stores = {
        name: {"type": it.type, **it.model_dump(mode="json", exclude_defaults=True)}
        for name, it in config.stores.items()
    }
    told = {**config.model_dump(mode="json", exclude={"stores"}), "stores": stores}
    if given.format == "json":
        _print_json(told)
    else:
        print(to_toml(told), end="")
    return 0


def status(config: MetaxyConfig, arguments: Arguments) -> int:
    """Says how features stand."""
    given = status_command.parser().parse_args(arguments)
    check_named(given.keys, given.all_features, given.format)
    graph = _graph(config, given.snapshot_id or "current", given.store)
    with graph.use():
        keys = own_features(config) if given.all_features else []
    keys += named_keys(given.keys, given.format)
    return status_command.run(config, given, graph, keys)


def rebase(config: MetaxyConfig, arguments: Arguments) -> int:
    """Carries samples over from one version of a feature to another."""
    parser = _parser("metadata rebase", "Carry samples over to another version.", store=True)
    parser.add_argument("feature")
    parser.add_argument("--from", dest="old", required=True, metavar="VERSION")
    parser.add_argument("--to", dest="new", metavar="VERSION")
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args(arguments)
    store = config.get_store(given.store, expected_type=WithFallbacks)
    with store.open("r" if given.dry_run else "w"):
        old = store.read(given.feature, feature_version=given.old, with_feature_history=True)
        rows = store.rebase(given.feature, old, to_feature_version=given.new).collect()
        if not given.dry_run:
            store.write(given.feature, rows, preserve_feature_version=True)
    print(f"{len(rows)} samples {'would be' if given.dry_run else 'were'} carried over")
    return 0


def lock(config: MetaxyConfig, arguments: Arguments) -> int:
    """Writes the lock file, and tells what is different in it."""
    about = "Write down what features of other projects are now."
    parser = _parser("lock", about, store=True)
    parser.add_argument("-o", "--output", type=Path, help="the file; by default metaxy.lock")
    given = parser.parse_args(arguments)
    path = given.output or config.lock_file or Path("metaxy.lock")
    if config.project is None:
        raise InvalidConfigError("`metaxy.toml` names no `project`, which is needed here")
    done = generate_lock_file(
        config.get_store(given.store),
        path,
        exclude_project=config.project,
        selection=reduce(or_, config.extra_features) if config.extra_features else None,
    )
    for it in done.added:
        _tell(f"+ {it.key} ({it.version})")
    for it in done.updated:
        change = "no other version" if it.metadata_only else it.new_version
        _tell(f"~ {it.key} ({it.old_version} -> {change})")
    for it in done.removed:
        _tell(f"- {it.key} ({it.version})")
    if done.changed:
        _tell(f"Written {done.count} external feature(s) to {path}")
    else:
        _tell(f"Lock file {path} is up to date")
    return 0


def serve_assistants(config: MetaxyConfig, arguments: Arguments) -> int:
    """Serves assistants by MCP, until who started this leaves."""
    del config
    _parser("mcp", "Serve assistants by MCP.").parse_args(arguments)
    try:
        from metaxy.ext.mcp import run_server
    except ModuleNotFoundError as error:
        _tell(f"error: {error}")
        return 1
    run_server()
    return 0


COMMANDS: dict[str, Command] = {
    "push": push,
    "history": history,
    "lock": lock,
    "list features": list_features,
    "list feature": list_features,
    "list stores": list_stores,
    "list store": list_stores,
    "describe features": describe_features,
    "describe feature": describe_features,
    "describe graph": describe,
    "graph render": render,
    "graph-diff render": render_diff,
    "config print": print_config,
    "mcp": serve_assistants,
    "metadata rebase": rebase,
    "metadata status": status,
}


def _parser(
    name: str, about: str, *, store: bool = False, form: bool = False
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"metaxy {name}", description=about)
    if store:
        parser.add_argument("--store", help="the store; by default the configured one")
    if form:
        parser.add_argument("-f", "--format", choices=["plain", "json"], default="plain")
    return parser


def _graph(config: MetaxyConfig, snapshot: str, store: str | None) -> FeatureGraph:
    """The graph that a name means: `current`, `latest`, or a version that was recorded."""
    if snapshot == "current":
        return FeatureGraph.get_active()
    opened: MetadataStore = config.get_store(store)
    with opened:
        storage = SystemTableStorage(opened)
        if snapshot == "latest":
            found = storage.read_graph_snapshots(config.project)
            if not len(found):
                raise InvalidError("no graph is recorded", hint="record one with `metaxy push`")
            snapshot = found["metaxy_project_version"][0]
        return storage.load_graph_from_snapshot(snapshot, config.project)


def _feature(key: FeatureKey) -> dict[str, Any]:
    graph = FeatureGraph.get_active()
    definition, plan = graph.get_feature_definition(key), graph.get_feature_plan(key)
    versions = graph.get_feature_version_by_field(key)
    fields: list[dict[str, Any]] = []
    for field in definition.spec.fields:
        told = {"key": str(field.key), "code_version": field.code_version}
        told["version"] = versions[str(field.key)]
        parents = plan.field_dependencies[field.key]
        deps = [
            {"feature": str(feature), "fields": [str(it) for it in names]}
            for feature, names in parents.items()
        ]
        fields.append({**told, "deps": deps} if deps else told)
    return {
        "project": definition.project,
        "key": str(definition.key),
        "version": graph.get_feature_version(key),
        "description": definition.spec.description,
        "is_external": definition.is_external,
        "source": definition.source,
        "id_columns": list(definition.id_columns),
        "fields": fields,
    }


def listed_feature(key: FeatureKey, *, verbose: bool) -> dict[str, Any]:
    """What a list of features says of one."""
    feature = _feature(key)
    names = ("key", "version", "is_external", "project", "source")
    spec = FeatureGraph.get_active().get_feature_definition(feature["key"]).spec
    fields = [
        {name: it for name, it in field.items() if verbose or name != "deps"}
        for field in feature["fields"]
    ]
    told = {name: feature[name] for name in names}
    told |= {"is_root": not spec.deps, "field_count": len(fields), "fields": fields}
    deps = [str(dep.feature) for dep in spec.deps]
    return {**told, "deps": deps} if deps and verbose else told


def _described(key: FeatureKey) -> dict[str, Any]:
    spec = FeatureGraph.get_active().get_feature_definition(key).spec
    deps: list[dict[str, Any]] = []
    for dep in spec.deps:
        told: dict[str, Any] = {"feature": str(dep.feature)}
        told |= {"select": list(dep.select)} if dep.select is not None else {}
        told |= {"rename": dep.rename} if dep.rename else {}
        told |= {"optional": True} if dep.optional else {}
        deps.append(told)
    metadata = {"metadata": spec.metadata} if spec.metadata else {}
    return {**_feature(key), "dependencies": deps, **metadata}


def _description(feature: dict[str, Any]) -> str:
    """What there is to say about a feature, for people."""
    external = " (external)" if feature["is_external"] else ""
    version = feature["version"]
    lines = [f"{feature['key']}{external} ({version}) {feature['project']}"]
    lines.append(f"Source: {feature['source']}")
    if feature["description"]:
        lines += ["", *(f"  {line}" for line in cleandoc(feature["description"]).splitlines())]
    lines += ["", f"ID columns: {', '.join(feature['id_columns'])}", "", "Fields:"]
    for field in feature["fields"]:
        parents = [f"{it['feature']}:({', '.join(it['fields'])})" for it in field.get("deps", ())]
        arrow = f" ← {', '.join(parents)}" if parents else ""
        lines.append(f"  {field['key']} ({field['version']}){arrow}")
    lines += ["", "Dependencies:"]
    for dep in feature["dependencies"]:
        told = [f"{old} as {new}" for old, new in dep.get("rename", {}).items()]
        told += [f"only {', '.join(dep['select']) or 'ids'}"] if "select" in dep else []
        told += ["optional"] if dep.get("optional") else []
        lines.append(f"  {dep['feature']}" + (f" ({'; '.join(told)})" if told else ""))
    if not feature["dependencies"]:
        lines.append("  none (root feature)")
    if "metadata" in feature:
        lines += ["", "Metadata:"]
        lines += [f"  {name}: {json.dumps(it)}" for name, it in feature["metadata"].items()]
    return "\n".join(lines)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _print_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [names, *(row[: len(names)] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (it.ljust(width) for it, width in zip(line, widths, strict=True))
        print("  " + "  ".join(cells).rstrip())


def _put(text: str, path: Path | None) -> int:
    if path is None:
        print(text, end="" if text.endswith("\n") else "\n")
    else:
        path.write_text(text, encoding="utf-8")
    return 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
