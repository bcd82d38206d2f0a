"""A machine spec to data and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.machine.test_argv import spec_of

from rustbed.arch import ARCHES
from rustbed.errors import UsageError
from rustbed.host import Qemu
from rustbed.kernel.artifact import Module
from rustbed.machine.spec import Hardware, MachineSpec
from rustbed.machine.specfile import describe_machine, parse_machine, render_machine


def full_spec() -> MachineSpec:
    hardware = Hardware(
        memory_mib=512,
        cpus=2,
        devices=("edu", "pci-testdev"),
        machine_options=("iommu=smmuv3",),
        cmdline=("quiet",),
        qemu_args=("-icount", "shift=5"),
        free_ports=3,
    )
    spec = spec_of(ARCHES["arm64"], hardware)
    modules = {"a": Module(name="a", path=Path("/k/a.ko"), depends=("b",))}
    return replace(
        spec,
        kernel=replace(spec.kernel, modules=modules, vmlinux=Path("/k/vmlinux")),
        accel="kvm",
        dtb=Path("/f/x.dtb"),
        acpi_tables=(Path("/f/a.aml"),),
    )


def test_a_spec_survives_its_description() -> None:
    spec = full_spec()
    assert parse_machine(json.loads(json.dumps(describe_machine(spec))), Path("/elsewhere")) == spec


def test_relative_paths_are_below_the_base() -> None:
    facts = describe_machine(spec_of(ARCHES["x86_64"])) | {"initramfs": "initramfs.cpio"}
    assert parse_machine(facts, Path("/bundle")).initramfs == Path("/bundle/initramfs.cpio")


def test_the_file_names_the_qemu() -> None:
    text = render_machine(full_spec(), Qemu(program=("q",), version=(11, 1, 3)))
    assert json.loads(text)["qemu"] == "11.1.3"


def damage(**changes: object) -> dict[str, Any]:
    return describe_machine(full_spec()) | changes


@pytest.mark.parametrize(
    "facts",
    [
        None,
        [],
        {},
        damage(devices="edu"),
        damage(devices=[3]),
        damage(cpus="2"),
        damage(memory_mib=None),
        damage(kernel={}),
        damage(kernel=3),
        damage(acpi_tables=[None]),
        damage(initramfs=None, accel=3),
    ],
)
def test_what_is_no_description_is_refused(facts: object) -> None:
    with pytest.raises(UsageError, match="does not describe a machine"):
        parse_machine(facts, Path("/b"))


def test_an_unknown_architecture_is_named() -> None:
    facts = damage()
    facts["kernel"]["arch"] = "sparc"
    with pytest.raises(UsageError, match="sparc"):
        parse_machine(facts, Path("/b"))
