"""A machine spec as text and back: machine.json in a run directory.

Owns that format, which bundles use, too; pure. Paths are written unchanged:
a bundle makes them relative first.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from rustbed.arch import require_arch
from rustbed.devices.device import Device
from rustbed.errors import UsageError
from rustbed.host import Qemu
from rustbed.kernel.artifact import Kernel, Module
from rustbed.machine.argv import ACCELS
from rustbed.machine.spec import NUMBERS, WORDS, Hardware, MachineSpec

# the key for a device that the host served; its server cannot be described
_SERVED = "served"

_PATHS = ("image", "initramfs")
_PATHS_OR_NONE = ("vmlinux", "config", "source_dir", "build_dir", "dtb")


def describe_machine(spec: MachineSpec) -> dict[str, Any]:
    """Return a spec as data that JSON can hold, named like its fields."""
    kernel = {field.name: getattr(spec.kernel, field.name) for field in fields(Kernel)}
    modules = {
        module.name: {"path": str(module.path), "depends": list(module.depends)}
        for module in spec.kernel.modules.values()
    }
    facts = {field.name: getattr(spec.hardware, field.name) for field in fields(Hardware)}
    facts |= {field.name: getattr(spec, field.name) for field in fields(MachineSpec)}
    del facts["hardware"]
    return {
        **{name: _plain(value) for name, value in facts.items()},
        "kernel": {name: _plain(value) for name, value in kernel.items()}
        | {"arch": spec.arch.name, "modules": modules},
    }


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Device):
        return {_SERVED: value.name}
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def render_machine(spec: MachineSpec, qemu: Qemu) -> str:
    """Render the text of machine.json; `qemu` is the QEMU that runs the machine."""
    version = ".".join(map(str, qemu.version))
    return json.dumps({"qemu": version, "machine": describe_machine(spec)}, indent=1, default=repr) + "\n"


def parse_machine(facts: object, base: Path) -> MachineSpec:
    """Return the spec that `describe_machine` described; relative paths are below `base`.

    Unknown fields are ignored, and missing ones get their defaults, so that other versions
    can be read. Raises UsageError if it is not a description of a machine.
    """
    try:
        return _parse(facts, base)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"this does not describe a machine: {type(error).__name__}: {error}") from error


def _parse(facts: Any, base: Path) -> MachineSpec:
    known = {field.name for field in fields(MachineSpec)} - {"kernel", "acpi_tables", "hardware"}
    given = {name: _checked(name, value, base) for name, value in facts.items() if name in known}
    given["acpi_tables"] = tuple(base / _text(path) for path in facts["acpi_tables"])
    parts = {field.name for field in fields(Hardware)}
    hardware = {name: _checked(name, value, base) for name, value in facts.items() if name in parts}
    return MachineSpec(kernel=_parse_kernel(facts["kernel"], base), hardware=Hardware(**hardware), **given)


def _parse_kernel(facts: Any, base: Path) -> Kernel:
    known = {field.name for field in fields(Kernel)} - {"arch", "modules"}
    modules = {
        _text(name): Module(
            name=_text(name), path=base / _text(module["path"]), depends=tuple(map(_text, module["depends"]))
        )
        for name, module in facts["modules"].items()
    }
    given = {name: _checked(name, value, base) for name, value in facts.items() if name in known}
    return Kernel(arch=require_arch(_text(facts["arch"])), modules=modules, **given)


def _checked(name: str, value: object, base: Path) -> Any:
    if name in _PATHS_OR_NONE and value is None:
        return None
    if name in (*_PATHS, *_PATHS_OR_NONE):
        return base / _text(value)
    if name in ("devices", *WORDS):
        if not isinstance(value, list):
            raise TypeError(f"{name} is not a list")
        for part in value:
            if isinstance(part, dict) and _SERVED in part:
                name = _text(part[_SERVED])[:100]
                raise UsageError(f"only its test can start this machine: the test itself served {name}")
        return tuple(map(_text, value))
    if name == "accel" and value not in ACCELS:
        raise ValueError(f"unknown accelerator {value!r}")
    if name not in NUMBERS:
        return _text(value)
    if not isinstance(value, int) or value not in NUMBERS[name]:
        raise ValueError(f"{name} is not a number from {NUMBERS[name][0]} to {NUMBERS[name][-1]}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
