"""Kernel configuration: from fragments to a list of wanted options, and the comparison with Kconfig's result.

A fragment is a `.config` in which the comment directly above an option is the
reason for it. A reason that begins with `since 6.14:` or `until 7.2:` says
which kernels have the option; it is left out for the others. Pure but for the
loading of fragments; kconfig_tree.py explains why an option was dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rustbed.arch import Arch
from rustbed.data import data_dir
from rustbed.errors import SpecError, UsageError

_SET = re.compile(r"CONFIG_(\w+)=(.*)")
# kernels before 6.8 look no further than `set`, later ones take the line for a comment if anything follows
_UNSET = re.compile(r"# CONFIG_(\w+) is not set(\s*#.*|\s*)")
# strings as conf_read_simple() in scripts/kconfig/confdata.c takes them, with \" and \\ in them
_VALUE = re.compile(r'[ymn]|-?\d+|0x[0-9a-fA-F]+|"(?:[^"\\]|\\.)*"')
_SPAN = re.compile(r"(since|until) (\d+)\.(\d+): ")
# kernel versions, (major, minor), before and after all others
_FIRST, _LAST = (0, 0), (9999, 0)


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option that a fragment asks for."""

    # without CONFIG_
    name: str
    # in .config syntax: y, m, a number, a quoted string; n for "is not set"
    value: str
    # the comment above it
    reason: str
    # first and last kernel that has it, (major, minor)
    since: tuple[int, int]
    until: tuple[int, int]
    file: Path
    # 1-based
    line: int

    def __str__(self) -> str:
        """Return the option in .config syntax."""
        if self.value == "n":
            return f"# CONFIG_{self.name} is not set"
        return f"CONFIG_{self.name}={self.value}"


@dataclass(frozen=True, kw_only=True)
class Lost:
    """An option that Kconfig gave another value."""

    option: Option
    # its value in the .config, n if it is missing
    got: str


def parse_fragment(text: str, file: Path) -> tuple[Option, ...]:
    """Return the options of a fragment, in order. Raises SpecError, which names the wrong line."""
    options = []
    comment: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        found = _UNSET.fullmatch(line) or _SET.fullmatch(line)
        if found is not None:
            value = found[2] if found.re is _SET else f"n{found[2]}".rstrip()
            if not _VALUE.fullmatch(value):
                raise SpecError(f"not a value: {value!r}", file=file, line=number, key=f"CONFIG_{found[1]}")
            options.append(_option(found[1], value, " ".join(comment), file, number))
            comment = []
        elif line.startswith("#"):
            comment.append(line.lstrip("# ").rstrip())
        elif not line.strip():
            comment = []
        else:
            raise SpecError(
                f"not a line of a .config: {line!r}",
                file=file,
                line=number,
                choices=("CONFIG_NAME=y", "# CONFIG_NAME is not set", "# a comment"),
            )
    return tuple(options)


def _option(name: str, value: str, reason: str, file: Path, line: int) -> Option:
    since, until = _FIRST, _LAST
    while found := _SPAN.match(reason):
        version = (int(found[2]), int(found[3]))
        since, until = (version, until) if found[1] == "since" else (since, version)
        reason = reason[found.end() :]
    return Option(name=name, value=value, reason=reason, since=since, until=until, file=file, line=line)


def list_profiles() -> tuple[str, ...]:
    """Return the names of the profiles."""
    return tuple(sorted(path.stem for path in (data_dir("kconfigs") / "profile").glob("*.config")))


def fragment_paths(arch: Arch, profile: str, extra: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return a kernel's fragments; later ones override earlier ones.

    Raises UsageError for an unknown profile or a missing extra fragment.
    """
    if profile not in list_profiles():
        raise UsageError(f"unknown profile {profile!r}", choices=", ".join(list_profiles()))
    for path in extra:
        if not path.is_file():
            raise UsageError(f"there is no kconfig fragment {path}")
    names = ("base", *arch.fragments, "rust", f"arch/{arch.name}", f"profile/{profile}")
    paths = [data_dir("kconfigs") / f"{name}.config" for name in names]
    # options that only this architecture needs for that profile; most have none
    both = data_dir("kconfigs") / "arch" / f"{arch.name}-{profile}.config"
    return (*paths, *([both] if both.is_file() else []), *extra)


def load_fragments(paths: Iterable[Path]) -> tuple[Option, ...]:
    """Return the options of several fragments, in their order."""
    return tuple(option for path in paths for option in parse_fragment(path.read_text(), path))


def merge_options(options: Iterable[Option], version: tuple[int, int]) -> tuple[Option, ...]:
    """Return the options to request from a kernel version: the last value of each option that it has."""
    last = {option.name: option for option in options}
    return tuple(last[name] for name in sorted(last) if last[name].since <= version <= last[name].until)


def render_options(options: Iterable[Option]) -> str:
    """Render a .config with these options only."""
    return "".join(f"{option}\n" for option in options)


def parse_config(text: str) -> dict[str, str]:
    """Return the values in a .config, by name without CONFIG_; options that are not set are missing."""
    found = (_SET.fullmatch(line) for line in text.splitlines())
    return {match[1]: match[2] for match in found if match is not None}


def find_lost(wanted: Iterable[Option], config: Mapping[str, str]) -> tuple[Lost, ...]:
    """Return the options whose value differs from the requested one."""
    results = (Lost(option=option, got=config.get(option.name, "n")) for option in wanted)
    return tuple(lost for lost in results if lost.got != lost.option.value)
