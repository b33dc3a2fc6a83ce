"""The features that a command is about: those it names, or all of the project."""

from collections.abc import Sequence

from metalith.errors import InvalidError
from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey

from metaxy.cli.utils import CLIError, CLIErrorCode, OutputFormat, exit_with_error
from metaxy.config import MetaxyConfig

_EITHER = ["--all-features", "<features>"]
_WITHOUT_VALUE = {
    "--all-features",
    "--dry-run",
    "--hard",
    "--json",
    "--feature-history",
    "--sample-history",
    "--soft",
    "--yes",
}


def check_named(keys: Sequence[str], all_features: bool, form: OutputFormat) -> None:
    """Ends with an error unless features are named or all are meant."""
    if all_features and keys:
        problem = "Cannot specify both --all-features and feature arguments"
        details = {"conflicting_flags": _EITHER}
        exit_with_error(CLIError(CLIErrorCode.CONFLICTING_FLAGS, problem, details), form)
    if not all_features and not keys:
        problem = "Must specify either --all-features or feature arguments"
        details = {"required_flags": _EITHER}
        exit_with_error(CLIError(CLIErrorCode.MISSING_REQUIRED_FLAG, problem, details), form)


def named_keys(keys: Sequence[str], form: OutputFormat) -> list[FeatureKey]:
    """Keys as they were written; ends with an error where one is none."""
    found: list[FeatureKey] = []
    for key in keys:
        try:
            found.append(FeatureKey(key))
        except (InvalidError, ValueError) as error:
            problem = f"Invalid feature key '{key}': {error}"
            code = CLIErrorCode.INVALID_FEATURE_KEY
            exit_with_error(CLIError(code, problem, {"key": key}), form)
    return found


def known_features(keys: Sequence[str], form: OutputFormat) -> list[FeatureKey]:
    """The same; ends with an error where the graph does not have one."""
    found = named_keys(keys, form)
    graph = FeatureGraph.get_active()
    unknown = [str(key) for key in found if key not in graph]
    if unknown:
        problem, details = "Feature(s) not found in graph", {"features": unknown}
        hint = f"there is no {', '.join(unknown)}"
        code = CLIErrorCode.FEATURES_NOT_FOUND
        exit_with_error(CLIError(code, problem, details, hint), form)
    return found


def own_features(config: MetaxyConfig) -> list[FeatureKey]:
    """The features of the project, or all where there is none; upstreams first."""
    graph = FeatureGraph.get_active()
    definitions = graph.feature_definitions_by_key
    keys = graph.list_features(only_current_project=False)
    return [key for key in keys if config.project in (None, definitions[key].project)]


def separated(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments that are no options, nor values of options; and all others.

    >>> separated(["--yes", "video", "--filter", "id = 'a'", "crop"])
    (['video', 'crop'], ['--yes', '--filter', "id = 'a'"])
    """

    def is_value(position: int) -> bool:
        before = arguments[position - 1] if position else ""
        is_option = before.startswith("-") and "=" not in before
        return is_option and before not in _WITHOUT_VALUE

    named: list[str] = []
    others: list[str] = []
    for position, it in enumerate(arguments):
        is_named = not it.startswith("-") and not is_value(position)
        (named if is_named else others).append(it)
    return named, others
