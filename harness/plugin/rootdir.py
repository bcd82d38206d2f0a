"""Detects that pytest took an option's value for a path of tests, which changed its root directory.

pytest chooses its root before it knows the options of plugins: it takes `--results DIR` for an unknown option
and a path. Names of tests, by which results are compared, depend on the root. A plugin cannot prevent that.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

# the only way to find the root that pytest would have chosen
from _pytest.config.findpaths import determine_setup

from rustbed.plugin.stash import is_worker


def check_rootdir(config: pytest.Config, options: Sequence[str]) -> None:
    """Raise pytest.UsageError if a value of one of `options` moved the root; with `=` it does not."""
    if is_worker(config):
        return
    suspects = find_taken_paths(config.invocation_params.args, options, config.invocation_params.dir)
    if suspects and (root := _root_without(config)) != config.rootpath:
        option, value = suspects[0]
        raise pytest.UsageError(
            f"pytest took {value} for a path of tests, and {config.rootpath} for the root instead of {root}:"
            f" write {option}={value}"
        )


def find_taken_paths(
    args: Iterable[object], options: Sequence[str], directory: Path
) -> list[tuple[str, str]]:
    """Return each option whose value is a separate word and an existing path, with that value."""
    words = [str(word) for word in args]
    return [
        (option, value)
        for option, value in itertools.pairwise(words)
        if option in options and not value.startswith("-") and (directory / value).exists()
    ]


def _root_without(config: pytest.Config) -> Path:
    """Return the root that pytest would choose from the paths of tests only."""
    option = config.option
    facts = {
        "inifile": option.inifilename,
        "args": option.file_or_dir,
        "rootdir_cmd_arg": option.rootdir or None,
        "invocation_dir": config.invocation_params.dir,
    }
    # new in pytest 9
    if "override_ini" in inspect.signature(determine_setup).parameters:
        facts["override_ini"] = option.override_ini
    root: Path = determine_setup(**facts)[0]
    return root
