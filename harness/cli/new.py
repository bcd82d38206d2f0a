"""`rustbed new`: makes a directory with a driver and its tests from templates/."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from rustbed.cache import write_atomically
from rustbed.cli.terminal import say
from rustbed.data import data_dir
from rustbed.errors import UsageError, suggest

# templates for every bus
_COMMON = "common"
# further arguments of `rustbed boot` by bus
_BOOT = {"pci": " --device edu", "usb": " --device qemu-xhci --device usb-tablet"}
# most characters of a name, and of names on a bus with shorter ids (I2C_NAME_SIZE)
_LONGEST, _LONGEST_ON = 40, {"i2c": 19}
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# reserved words of Rust, and crates that every driver uses, because the driver's crate has its name
_RESERVED = frozenset(
    (
        *("abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue", "core"),
        *("crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl"),
        *("in", "kernel", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub"),
        *("ref", "return", "self", "static", "std", "struct", "super", "trait", "true", "try", "type"),
        *("typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield"),
    )
)
_PLACE = re.compile(r"@(\w+)@")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the name and the bus."""
    parser.add_argument("name", metavar="NAME", help="name of the driver and its directory: toy, my_sensor")
    parser.add_argument("--bus", required=True, choices=list_buses(), help="the device's bus")
    parser.add_argument("--author", default="The author", help="name in MODULE_AUTHOR (default: The author)")


def run(args: argparse.Namespace) -> int:
    """Make the directory. Raises UsageError for a bad name, or a directory that exists."""
    directory = Path(args.name)
    boot = _BOOT.get(args.bus, "")
    longest = _LONGEST_ON.get(args.bus, _LONGEST)
    files = render_files(load_templates(args.bus), args.name, author=args.author, boot=boot, longest=longest)
    if directory.exists():
        raise UsageError(f"{directory} exists already", fix="another name, or remove it")
    for name, text in files.items():
        write_atomically(directory / name, text)
    # later, because a reader that goes away (`| head`) ends this command
    say("\n".join(str(directory / name) for name in files))
    say(f"\ncd {shlex.quote(str(directory))}, then pytest; by hand: {suggest('boot')} --module driver{boot}")
    return 0


def list_buses() -> tuple[str, ...]:
    """Return the buses for which there is a template."""
    return tuple(sorted(path.name for path in data_dir("templates").iterdir() if path.name != _COMMON))


def load_templates(bus: str) -> dict[str, str]:
    """Return the texts of a bus's templates by their paths, with those of every directory."""
    roots = (data_dir("templates") / _COMMON, data_dir("templates") / bus)
    return {
        str(path.relative_to(root)): path.read_text()
        for root in roots
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


def render_files(
    templates: Mapping[str, str], name: str, *, author: str, boot: str = "", longest: int = _LONGEST
) -> dict[str, str]:
    """Return the files of a driver called `name`. Raises UsageError for a name that no module can have."""
    if name in _RESERVED:
        raise UsageError(f"a driver cannot be called {name!r}: Rust or the kernel uses that word")
    if not _NAME.fullmatch(name):
        raise UsageError(f"a driver cannot be called {name!r}", wanted="toy, my_sensor2")
    if len(name) > longest:
        raise UsageError(f"a driver cannot be called {name!r}: at most {longest} characters are allowed")
    if not author.isprintable() or set(author) & set('"\\'):
        raise UsageError(f"an author cannot be called {author!r}")
    words = {
        "name": name,
        "device": name.replace("_", "-"),
        "Type": "".join(part.capitalize() for part in name.split("_")),
        "author": author,
        "boot": boot,
    }
    return {
        _place(path, name): _PLACE.sub(lambda match: words[match[1]], text)
        for path, text in templates.items()
    }


def _place(path: str, name: str) -> str:
    """Return the path for a template; hidden files and the driver's files have other names in templates/."""
    plain = path.replace("driver.rs", f"{name}.rs").replace("test_driver", f"test_{name}")
    return f".{plain.removeprefix('dot-')}" if plain.startswith("dot-") else plain
