"""Commands of Metaxy in Metalith's words."""

import sys

from metaxy.cli.named import check_named, known_features, own_features, separated
from metaxy.config import MetaxyConfig

Arguments = list[str]

_HISTORY, _SAMPLES = "--feature-history", "--sample-history"
_WORDS = {"--with-feature-history": _HISTORY, "--with-sample-history": _SAMPLES}


def translated(arguments: Arguments, config: MetaxyConfig) -> list[Arguments]:
    """A command of both, in Metalith's words. One that is about several features may be several."""
    if arguments[:1] != ["metadata"]:
        return [arguments]
    found = [_WORDS.get(it, it) for it in arguments if not it.startswith("--no-")]
    for option in ("-f", "--format"):
        if option in found[:-1]:
            position = found.index(option)
            form = found[position + 1]
            found[position : position + 2] = ["--json"] if form == "json" else []
    if "--help" in arguments:
        return [found]
    match arguments[1:2]:
        case ["copy"]:
            return [_copy(found, config, all_versions="--no-with-feature-history" not in arguments)]
        case ["delete"]:
            return _delete(found, config)
        case _:
            return [_about_all(found, config)]


def tell_done(arguments: Arguments, commands: list[Arguments]) -> None:
    """Says what is over, to people."""
    if arguments[:2] == ["metadata", "copy"] and "--json" not in commands[0]:
        count = len(separated(commands[0][2:])[0])
        print(f"✓ Copy complete: {count} feature(s)")
    if arguments[:2] == ["metadata", "delete"] and "--dry-run" not in arguments:
        kind = "hard" if "--hard" in arguments else "soft"
        print(f"✓ Deletion complete ({kind} delete)", file=sys.stderr)


def _copy(found: Arguments, config: MetaxyConfig, *, all_versions: bool) -> Arguments:
    check_named(separated(found[2:])[0], "--all-features" in found, "plain")
    history = [_HISTORY] if all_versions and _HISTORY not in found else []
    return _about_all([*found, *history], config)


def _about_all(found: Arguments, config: MetaxyConfig) -> Arguments:
    if "--all-features" not in found:
        return found
    keys = [str(key) for key in own_features(config)]
    return [*(it for it in found if it != "--all-features"), *keys]


def _delete(found: Arguments, config: MetaxyConfig) -> list[Arguments]:
    """One deletion a feature: what is computed from others goes first."""
    # Metalith's own ways to name features, and what goes along, are left to it.
    if any(it.partition("=")[0] in ("--feature", "--cascade") for it in found):
        return [found]
    keys, options = separated(found[2:])
    check_named(keys, "--all-features" in options, "plain")
    # Who gives a condition means it, to Metaxy.
    if "--hard" in options and "--yes" not in options and _has_filter(options):
        options.append("--yes")
    if len(keys) == 1:
        return [["metadata", "delete", *options, *keys]]
    wanted = own_features(config)
    if keys:
        named = set(known_features(keys, "plain"))
        wanted = [key for key in own_features(config.with_project(None)) if key in named]
    else:
        options.remove("--all-features")
    return [["metadata", "delete", *options, str(key)] for key in reversed(wanted)]


def _has_filter(options: Arguments) -> bool:
    return any(it.partition("=")[0] == "--filter" for it in options)
