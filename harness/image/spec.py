"""The description of an image, read from images/<name>.yaml.

Owns the schema of these files and the lookup of files that they name; does not
know how an image is made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rustbed.data import data_dir
from rustbed.errors import SpecError, UsageError
from rustbed.yamlfile import Either, Flag, Listing, Record, Text, load_yaml

_FILE = Record(required={"path": Text(), "source": Text()}, optional={"executable": Flag()})
SCHEMA = Record(
    required={"busybox": Text(), "init": Text(), "rbctl": Text()},
    optional={
        "applets": Listing(item=Text()),
        "modules": Either(word=Text(choices=("all",)), listing=Listing(item=Text())),
        "early_modules": Listing(item=Text()),
        "directories": Listing(item=Text()),
        "files": Listing(item=_FILE),
    },
)
_APPLET = re.compile(r"[\w.\[-]+")


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A file of the host that goes into the image."""

    # path in the guest, without a leading slash
    path: str
    source: Path
    executable: bool


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """The contents of an image besides those that every image has."""

    # the YAML file
    file: Path
    # Debian package with a static busybox
    busybox: str
    init: Path
    # directory of rbctl's sources
    rbctl: Path
    # names in /bin that are links to busybox
    applets: tuple[str, ...]
    # names of modules; None: all of the kernel's
    modules: tuple[str, ...] | None
    # modules that init loads in this order, unless they are built in
    early_modules: tuple[str, ...]
    # path in the guest, without a leading slash
    directories: tuple[str, ...]
    files: tuple[ImageFile, ...]


def find_spec_file(name_or_path: str) -> Path:
    """Return the file of an image from a path, or a name in images/. Raises UsageError, which lists names."""
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        path = Path(name_or_path).absolute()
        if not path.is_file():
            raise UsageError(f"there is no image file {path}")
        return path
    images = data_dir("images")
    path = images / f"{name_or_path}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in images.glob("*.yaml")))
        raise UsageError(f"unknown image {name_or_path!r}", known=known, hint="a path ends in .yaml")
    return path


def load_image_spec(file: Path) -> ImageSpec:
    """Return the image described by a YAML file. Raises SpecError.

    Files that it names are looked up beside it, then in the project's images/.
    """
    found: dict[str, Any] = load_yaml(file, SCHEMA)
    for index, applet in enumerate(found.get("applets", [])):
        if not _APPLET.fullmatch(applet):
            raise SpecError(f"not a name of an applet: {applet!r}", file=file, key=f"applets[{index}]")
    modules = found.get("modules", "all")
    return ImageSpec(
        file=file,
        busybox=found["busybox"],
        init=_find(file, found["init"], "init"),
        rbctl=_find(file, found["rbctl"], "rbctl"),
        applets=tuple(found.get("applets", [])),
        modules=None if modules == "all" else tuple(modules),
        early_modules=tuple(found.get("early_modules", [])),
        directories=tuple(
            _inside(file, path, f"directories[{index}]")
            for index, path in enumerate(found.get("directories", []))
        ),
        files=tuple(
            ImageFile(
                path=_inside(file, entry["path"], f"files[{index}].path"),
                source=_find(file, entry["source"], f"files[{index}].source"),
                executable=entry.get("executable", False),
            )
            for index, entry in enumerate(found.get("files", []))
        ),
    )


def _find(file: Path, name: str, key: str) -> Path:
    """Return a file or directory that a spec names."""
    places = [directory / name for directory in (file.parent, data_dir("images"))]
    for path in places:
        if path.exists():
            return path
    raise SpecError(f"there is no {' or '.join(map(str, dict.fromkeys(places)))}", file=file, key=key)


def _inside(file: Path, path: str, key: str) -> str:
    """Return a path in the guest without its leading slash."""
    parts = path.split("/")
    if not path.startswith("/") or any(part in ("", ".", "..") for part in parts[1:]):
        raise SpecError(f"not an absolute path in the guest: {path!r}", file=file, key=key)
    return path[1:]
