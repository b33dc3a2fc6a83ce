"""What is different between two graphs, as text."""

import json
from typing import Any

from metaxy.graph.diff.diff_models import FieldChange, GraphDiff
from metaxy.graph.diff.rendering.yaml_text import to_yaml

__all__ = ["DiffFormatter"]

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "unchanged": " "}
_FORMATS = ("terminal", "json", "yaml", "mermaid")


class DiffFormatter:
    """Writes differences, or both graphs with what is different marked.

    >>> print(DiffFormatter().format(GraphDiff(from_project_version="a", to_project_version="b")))
    No changes between snapshots a and b
    """

    def format(  # noqa: PLR0917 - as it is called
        self,
        diff: GraphDiff | None = None,
        merged_data: dict[str, Any] | None = None,
        format: str = "terminal",
        verbose: bool = False,
        diff_only: bool = False,
        show_all_fields: bool = True,
    ) -> str:
        """As `terminal`, `json`, `yaml` or `mermaid`; `diff_only` is without what is equal."""
        if format not in _FORMATS:
            raise ValueError(f"Unknown format: {format}. Must be one of: {', '.join(_FORMATS)}")
        if merged_data is None or diff_only:
            if diff is None:
                raise ValueError("diff is required for diff_only mode")
            if format == "json":
                return self.format_json_diff_only(diff)
            if format == "yaml":
                return self.format_yaml_diff_only(diff)
            if format == "terminal":
                return self.format_terminal_diff_only(diff, verbose)
            merged_data = _merged(diff)
        if format == "json":
            return self.format_json_merged(merged_data)
        if format == "yaml":
            return self.format_yaml_merged(merged_data)
        if format == "mermaid":
            return self.format_mermaid_merged(merged_data)
        return self.format_terminal_merged(merged_data, verbose, show_all_fields)

    def format_terminal_diff_only(self, diff: GraphDiff, verbose: bool = False) -> str:
        """What is different, for people; `verbose` is with whole versions."""
        names = [_short(it, verbose) for it in (diff.from_project_version, diff.to_project_version)]
        if not diff.has_changes:
            return f"No changes between snapshots {names[0]} and {names[1]}"
        lines = [f"Graph Diff: {names[0]} → {names[1]}"]
        kinds = [
            ("Added", "+", [(it.feature_key, "", []) for it in diff.added_nodes]),
            ("Removed", "-", [(it.feature_key, "", []) for it in diff.removed_nodes]),
            (
                "Changed",
                "~",
                [
                    (it.feature_key, _versions(it, verbose), it.field_changes)
                    for it in diff.changed_nodes
                ],
            ),
        ]
        for name, sign, features in kinds:
            lines += [f"{name} ({len(features)}):"] if features else []
            for key, versions, fields in features:
                lines.append(f"  {sign} {key}{versions}")
                lines += [f"    {_field(it, verbose)}" for it in fields]
        return "\n".join(lines)

    def format_json_diff_only(self, diff: GraphDiff) -> str:
        """What is different, for programs."""
        told = {
            "from_project_version": diff.from_project_version,
            "to_project_version": diff.to_project_version,
            "added_nodes": [str(it.feature_key) for it in diff.added_nodes],
            "removed_nodes": [str(it.feature_key) for it in diff.removed_nodes],
            "changed_nodes": [
                {
                    "feature_key": str(it.feature_key),
                    "old_version": it.old_version,
                    "new_version": it.new_version,
                    "field_changes": [_told(field) for field in it.field_changes],
                }
                for it in diff.changed_nodes
            ],
        }
        return json.dumps(told, indent=2)

    def format_yaml_diff_only(self, diff: GraphDiff) -> str:
        """The same as YAML."""
        return to_yaml(json.loads(self.format_json_diff_only(diff)))

    def format_terminal_merged(
        self, merged_data: dict[str, Any], verbose: bool = False, show_all_fields: bool = True
    ) -> str:
        """Both graphs, for people."""
        lines: list[str] = []
        for key, node in merged_data["nodes"].items():
            lines.append(f"{_SIGNS[node['status']]} {key}")
            changed = {str(it.field_key): it for it in node["field_changes"]}
            for name in sorted({*node["fields"], *changed} if show_all_fields else changed):
                shown = _field(changed[name], verbose) if name in changed else f"  {name}"
                lines.append(f"    {shown}")
        return "\n".join(lines)

    def format_json_merged(self, merged_data: dict[str, Any]) -> str:
        """Both graphs, for programs."""
        names = ("status", "old_version", "new_version", "dependencies")
        nodes = {
            key: {
                **{name: node[name] for name in names},
                "field_changes": [_told(it) for it in node["field_changes"]],
            }
            for key, node in merged_data["nodes"].items()
        }
        return json.dumps({"nodes": nodes, "edges": merged_data["edges"]}, indent=2)

    def format_yaml_merged(self, merged_data: dict[str, Any]) -> str:
        """The same as YAML."""
        return to_yaml(json.loads(self.format_json_merged(merged_data)))

    def format_mermaid_merged(self, merged_data: dict[str, Any]) -> str:
        """Both graphs as a flowchart of Mermaid; colours say what is different."""
        numbers = {key: f"n{number}" for number, key in enumerate(merged_data["nodes"])}
        lines = ["flowchart TD"]
        lines += [
            f'    {numbers[key]}["{key}"]:::{node["status"]}'
            for key, node in merged_data["nodes"].items()
        ]
        lines += [
            f"    {numbers[it['from']]} --> {numbers[it['to']]}"
            for it in merged_data["edges"]
            if it["from"] in numbers
        ]
        colours = {"added": "#2da44e", "removed": "#cf222e", "changed": "#bf8700"}
        lines += [f"    classDef {name} stroke:{it}" for name, it in colours.items()]
        return "\n".join([*lines, "    classDef unchanged stroke:#57606a"])

    def print(self, diff: GraphDiff, verbose: bool = False) -> None:
        """Prints what is different."""
        print(self.format_terminal_diff_only(diff, verbose))


def _merged(diff: GraphDiff) -> dict[str, Any]:
    kinds = (
        ("added", diff.added_nodes),
        ("removed", diff.removed_nodes),
        ("changed", diff.changed_nodes),
    )
    nodes = {str(it.feature_key): {"status": status} for status, found in kinds for it in found}
    return {"nodes": nodes, "edges": []}


def _short(version: str | None, verbose: bool) -> str:
    if version is None:
        return "none"
    return version if verbose or len(version) <= 8 else f"{version[:8]}…"


def _versions(change: Any, verbose: bool) -> str:
    return f" ({_short(change.old_version, verbose)} → {_short(change.new_version, verbose)})"


def _field(change: FieldChange, verbose: bool) -> str:
    sign = "+" if change.is_added else "-" if change.is_removed else "~"
    return f"{sign} {change.field_key}{_versions(change, verbose)}"


def _told(change: FieldChange) -> dict[str, Any]:
    return {
        "field_key": str(change.field_key),
        "old_version": change.old_version,
        "new_version": change.new_version,
        "is_added": change.is_added,
        "is_removed": change.is_removed,
        "is_changed": change.is_changed,
    }
