"""What identifies a template, and which machines get none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.machine.test_argv import spec_of

from rustbed.arch import ARCHES
from rustbed.forks.counts import BOOTED, COPIED, FORKED, INSTEAD, REPLACED, RESTORED, render_counts
from rustbed.forks.key import refusal, template_key
from rustbed.host import Qemu
from rustbed.machine.spec import Hardware, MachineSpec

QEMU = Qemu(program=("/opt/qemu",), version=(11, 1, 3))


@pytest.fixture
def spec(tmp_path: Path) -> MachineSpec:
    plain = spec_of(ARCHES["x86_64"])
    for name in ("image", "initramfs", "table"):
        (tmp_path / name).write_text(name)
    return replace(
        plain, kernel=replace(plain.kernel, image=tmp_path / "image"), initramfs=tmp_path / "initramfs"
    )


def test_equal_machines_have_equal_keys_wherever_their_files_are(spec: MachineSpec, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("initramfs")
    moved = replace(spec, initramfs=tmp_path / "elsewhere")
    assert template_key(moved, QEMU) == template_key(spec, QEMU)


@pytest.mark.parametrize(
    "change",
    [
        {"hardware": Hardware(memory_mib=512)},
        {"hardware": Hardware(cpus=2)},
        {"hardware": Hardware(devices=("pci-testdev",))},
        {"hardware": Hardware(cmdline=("quiet",))},
        {"hardware": Hardware(machine_options=("iommu=smmuv3",))},
        {"hardware": Hardware(free_ports=3)},
        {"accel": "kvm"},
    ],
    ids=["memory_mib", "cpus", "devices", "cmdline", "machine_options", "free_ports", "accel"],
)
def test_whatever_a_machine_is_made_of_is_in_its_key(spec: MachineSpec, change: dict[str, object]) -> None:
    assert template_key(replace(spec, **change), QEMU) != template_key(spec, QEMU)  # type: ignore[arg-type]


def test_contents_of_firmware_tables_are_in_the_key(spec: MachineSpec, tmp_path: Path) -> None:
    table = tmp_path / "table"
    with_table = replace(spec, acpi_tables=(table,))
    before = template_key(with_table, QEMU)
    table.write_text("another table")
    assert len({before, template_key(with_table, QEMU), template_key(spec, QEMU)}) == 3


def test_version_of_qemu_is_in_the_key(spec: MachineSpec) -> None:
    assert template_key(spec, QEMU) != template_key(spec, replace(QEMU, version=(11, 1, 4)))


@pytest.mark.parametrize(
    ("hardware", "reason"),
    [
        (Hardware(qemu_args=("-trace", "x")), "qemu_args"),
        (Hardware(machine_options=("memory-backend=mine",)), "memory"),
        (Hardware(devices=("loader,file=/tmp/x",)), "loader uses a file of the host"),
    ],
)
def test_machines_that_reach_beyond_themselves_are_refused(
    spec: MachineSpec, hardware: Hardware, reason: str
) -> None:
    assert reason in (refusal(replace(spec, hardware=hardware)) or "")


def test_plain_machine_with_devices_is_not_refused(spec: MachineSpec) -> None:
    hardware = Hardware(devices=("pci-testdev,bus=pcie.0",), machine_options=("iommu=on",))
    assert refusal(replace(spec, hardware=hardware)) is None


def test_summary_counts_every_way_and_every_reason() -> None:
    counts = {FORKED: 5, BOOTED: 2, f"{INSTEAD}of this": 1, f"{INSTEAD}of that": 3}
    assert render_counts(counts).splitlines() == [
        "5 machines forked, 2 booted as asked, 4 booted instead of forked",
        "  3 because of that",
        "  1 because of this",
    ]


def test_summary_says_why_machines_were_not_copied_and_why_others_were_started_to_be_copied() -> None:
    counts = {FORKED: 7, COPIED: 4, f"{RESTORED}of this": 3, f"{REPLACED}of that": 2, f"{INSTEAD}of those": 1}
    assert render_counts(counts).splitlines() == [
        "7 machines forked (4 as copies of a running one), 0 booted as asked, 1 booted instead of forked",
        "  1 because of those",
        "  3 restored instead of copied because of this",
        "  2 times another QEMU was started to be copied because of that",
    ]
