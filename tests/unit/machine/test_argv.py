"""A machine spec to QEMU's command line."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from tests.kernels import make_kernel

from rustbed.arch import ARCHES, Arch
from rustbed.machine.argv import (
    Channels,
    Ram,
    device_id,
    file_chardev,
    render_argv,
    render_cmdline,
    render_run_script,
)
from rustbed.machine.spec import Hardware, MachineSpec

CHANNELS = Channels(
    console="file,path=c",
    shell="socket,fd=3",
    records="socket,fd=4",
    pulse="socket,fd=6",
    monitor="socket,fd=5",
)

PLAIN = Hardware()


def spec_of(arch: Arch, hardware: Hardware = PLAIN) -> MachineSpec:
    kernel = make_kernel(image=Path("/k/image"), arch=arch)
    return MachineSpec(hardware=hardware, kernel=kernel, initramfs=Path("/i/initramfs.cpio"))


def value_of(argv: tuple[str, ...], option: str) -> str:
    return argv[argv.index(option) + 1]


@pytest.mark.parametrize("name", ARCHES)
def test_machine_has_no_network_no_defaults_and_a_sandbox(name: str) -> None:
    argv = render_argv(spec_of(ARCHES[name]), ["qemu"], CHANNELS)
    assert "-nodefaults" in argv
    assert "-no-user-config" in argv
    assert "-no-reboot" in argv
    assert value_of(argv, "-sandbox").startswith("on,")
    assert not any("netdev" in word or word == "-nic" for word in argv)


@pytest.mark.parametrize("name", ARCHES)
def test_row_decides_machine_cpu_and_console(name: str) -> None:
    row = ARCHES[name]
    argv = render_argv(spec_of(row), ["qemu"], CHANNELS)
    assert value_of(argv, "-machine") == row.machine
    assert value_of(argv, "-cpu") == row.cpu
    assert f"console={row.console},115200" in value_of(argv, "-append").split()


def test_a_profile_may_need_another_cpu() -> None:
    spec = spec_of(ARCHES["arm64"])
    paged = replace(spec, kernel=replace(spec.kernel, profile="pages16k"))
    cpus = [value_of(render_argv(each, ["qemu"], CHANNELS), "-cpu") for each in (spec, paged)]
    assert cpus == ["cortex-a57", "neoverse-n1"]


def test_kvm_uses_the_hosts_cpu() -> None:
    argv = render_argv(replace(spec_of(ARCHES["x86_64"]), accel="kvm"), ["qemu"], CHANNELS)
    assert value_of(argv, "-cpu") == "host"
    assert value_of(argv, "-accel") == "kvm"


def test_options_of_a_spec_come_through() -> None:
    hardware = Hardware(
        memory_mib=512,
        cpus=2,
        devices=("pci-testdev",),
        machine_options=("iommu=smmuv3",),
        cmdline=("quiet",),
        qemu_args=("-trace", "x"),
        free_ports=1,
    )
    spec = replace(
        spec_of(ARCHES["arm64"], hardware),
        dtb=Path("/f/tree.dtb"),
        acpi_tables=(Path("/f/table.aml"),),
    )
    argv = render_argv(spec, ["qemu"], CHANNELS)
    assert value_of(argv, "-m") == "512M"
    assert value_of(argv, "-smp") == "2"
    assert "pci-testdev,id=device0" in argv
    assert value_of(argv, "-machine").endswith(",iommu=smmuv3")
    assert value_of(argv, "-append").endswith(" quiet")
    assert value_of(argv, "-dtb") == "/f/tree.dtb"
    assert value_of(argv, "-acpitable") == "file=/f/table.aml"
    assert argv[-2:] == ("-trace", "x")
    assert sum("pcie-root-port" in word for word in argv) == 1


def test_machine_without_pci_gets_no_ports() -> None:
    row = replace(ARCHES["arm64"], hotplug_port="", fragments=())
    assert not any("root-port" in word for word in render_argv(spec_of(row), ["qemu"], CHANNELS))


def test_cmdline_lets_user_space_write_records_unhindered_and_ends_at_a_panic() -> None:
    words = render_cmdline(spec_of(ARCHES["riscv64"])).split()
    assert {"printk.devkmsg=on", "panic=-1"} <= set(words)


def test_commas_in_a_console_path_are_doubled() -> None:
    assert file_chardev(Path("/a,b/c")) == "file,path=/a,,b/c"


def test_console_reads_from_a_descriptor_where_there_is_one() -> None:
    assert file_chardev(Path("/c"), 7) == "file,path=/c,input-path=/dev/fd/7"


def test_run_script_is_shell_that_says_the_same_words() -> None:
    spec = spec_of(ARCHES["x86_64"], Hardware(cmdline=("a='b c'",)))
    text = render_run_script(spec, ["/opt/my qemu"], {"QEMU_MODULE_DIR": "/m d"}, "again.log")
    assert text.startswith("#!/bin/sh\n")
    assert "export QEMU_MODULE_DIR='/m d'\n" in text
    words = shlex.split(text[text.index("exec ") :].replace("\\\n", " "))[1:]
    quiet = Channels(console="file,path=again.log", shell="stdio,signal=on", records="null", monitor=None)
    assert words == list(render_argv(spec, ["/opt/my qemu"], quiet))


@pytest.mark.parametrize(
    ("device", "name"),
    [("pci-testdev", "device3"), ("pci-testdev,id=mine", "mine"), ("edu,bus=pcie.0,id=x,addr=5", "x")],
)
def test_device_keeps_its_id_or_gets_one_of_its_place(device: str, name: str) -> None:
    assert device_id(device, 3) == name


def test_id_of_a_device_is_given_once() -> None:
    spec = spec_of(ARCHES["arm64"], Hardware(devices=("edu,id=mine", "edu")))
    argv = render_argv(spec, ["qemu"], CHANNELS)
    assert {"edu,id=mine", "edu,id=device1"} <= set(argv)


@pytest.mark.parametrize(("shared", "share"), [(True, "share=on"), (False, "share=off,readonly=on,rom=off")])
def test_memory_in_a_file_is_shared_by_a_template_and_private_to_a_fork(shared: bool, share: str) -> None:
    argv = render_argv(
        spec_of(ARCHES["x86_64"]),
        ["qemu"],
        CHANNELS,
        ram=Ram(path="/a,b/ram", shared=shared),
        incoming=not shared,
    )
    backend = f"memory-backend-file,id=ram,size=256M,mem-path=/a,,b/ram,{share}"
    assert value_of(argv, "-object") == backend
    assert value_of(argv, "-machine").endswith(",memory-backend=ram")
    assert ("-incoming" in argv) is not shared
