"""Which of QEMU's options a bundle may use."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.machine.test_argv import spec_of

from rustbed.arch import ARCHES
from rustbed.bundle.allowed import check_argv, check_monitor, device_is_allowed
from rustbed.bundle.manifest import BundleError
from rustbed.machine.argv import Channels, render_argv
from rustbed.machine.spec import Hardware
from rustbed.repro.script import render_argv_of

FILES = {"kernel/image", "initramfs.cpio", "firmware/table-0.aml", "firmware/machine.dtb"}
X86 = ARCHES["x86_64"]


def argv(arch: str = "x86_64", **changes: Any) -> tuple[str, ...]:
    hardware = {field.name: changes.pop(field.name) for field in fields(Hardware) if field.name in changes}
    spec = spec_of(ARCHES[arch], Hardware(**hardware))
    kernel = replace(spec.kernel, image=Path("kernel/image"))
    return render_argv_of(replace(spec, **{"kernel": kernel, "initramfs": Path("initramfs.cpio"), **changes}))


@pytest.mark.parametrize("name", ARCHES)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"accel": "kvm", "memory_mib": 1024, "cpus": 4},
        {"devices": ("pci-testdev,membar=64K", "edu", "virtio-rng-pci", "qemu-xhci", "usb-tablet")},
        {"cmdline": ("x=$(reboot)", "a,b=/etc/passwd"), "free_ports": 5},
        {"acpi_tables": (Path("firmware/table-0.aml"),), "dtb": Path("firmware/machine.dtb")},
        {"machine_options": ("iommu=smmuv3", "virtualization=on")},
        {"qemu_args": ("-icount", "shift=5")},
    ],
)
def test_machines_that_tests_ask_for_are_allowed(name: str, changes: dict[str, Any]) -> None:
    check_argv(argv(name, **changes), ARCHES[name], FILES)


def test_a_device_with_an_iommu_is_allowed() -> None:
    check_argv(argv(devices=("intel-iommu,intremap=on", "edu,dma_mask=0xffffffff")), X86, FILES)


@pytest.mark.parametrize(
    "words",
    [
        ("-drive", "file=/etc/passwd,if=virtio"),
        ("-hda", "/dev/sda"),
        ("-blockdev", "driver=file,node-name=x,filename=/etc/passwd"),
        ("-incoming", "exec:touch /tmp/evil"),
        ("-object", "memory-backend-file,id=x,size=1M,mem-path=/etc/passwd,share=on"),
        ("-object", "secret,id=x,file=/etc/shadow"),
        ("-netdev", "user,id=n,guestfwd=tcp:10.0.2.1:1-cmd:sh"),
        ("-nic", "tap,script=/tmp/x"),
        ("-net", "none"),
        ("-chardev", "socket,id=x,path=/run/docker.sock"),
        ("-chardev", "file,id=x,path=/root/.bashrc"),
        ("-chardev", "file,id=console,path=/root/.bashrc"),
        ("-chardev", "pty,id=x"),
        ("-serial", "file:/root/.bashrc"),
        ("-serial", "pipe:/tmp/x"),
        ("-monitor", "stdio"),
        ("-qmp", "tcp:0.0.0.0:1,server=on"),
        ("-mon", "chardev=shell"),
        ("-fsdev", "local,id=x,path=/,security_model=none"),
        ("-virtfs", "local,path=/,mount_tag=x,security_model=none"),
        ("-fw_cfg", "name=opt/x,file=/etc/shadow"),
        ("-bios", "/etc/passwd"),
        ("-pflash", "/etc/passwd"),
        ("-plugin", "/tmp/evil.so"),
        ("-L", "/tmp"),
        ("-D", "/root/.bashrc"),
        ("-d", "in_asm"),
        ("-pidfile", "/root/.bashrc"),
        ("-daemonize",),
        ("-runas", "root"),
        ("-run-with", "chroot=/"),
        ("-readconfig", "/tmp/x"),
        ("-writeconfig", "/tmp/x"),
        ("-loadvm", "x"),
        ("-gdb", "tcp::1234"),
        ("-s",),
        ("-vnc", ":0"),
        ("-display", "gtk"),
        ("-audiodev", "wav,id=x,path=/tmp/x"),
        ("-trace", "file=/tmp/x"),
        ("-set", "device.x.y=z"),
        ("-global", "virtio-blk.drive=x"),
        ("-icount", "shift=5,rr=record,rrfile=/root/.bashrc"),
        ("-accel", "tcg,x=/tmp"),
        ("-kernel", "/etc/passwd"),
        ("-kernel", "kernel/../../x"),
        ("-initrd", "/etc/shadow"),
        ("-dtb", "../x"),
        ("-acpitable", "file=/etc/passwd"),
        ("-acpitable", "sig=X,data=/etc/passwd"),
        ("-machine", "q35,dumpdtb=/root/.bashrc"),
        ("-machine", "q35,firmware=/etc/passwd"),
        ("-machine", "q35,memory-backend=x"),
        ("-machine", "q35,kernel=/etc/passwd"),
        ("-machine", "none"),
        ("-machine", "q35x"),
        ("-cpu", "max,/x"),
        ("-smp", "1,maxcpus=99999"),
        ("-m", "1M,slots=2"),
        ("-sandbox", "off"),
        ("-sandbox", "on,spawn=allow"),
        ("-device", "vfio-pci,host=01:00.0"),
        ("-device", "usb-host,vendorid=1"),
        ("-device", "loader,file=/etc/shadow,addr=0"),
        ("-device", '{"driver": "vfio-user-pci", "socket": {"type": "unix", "path": "/x"}}'),
        ("-device", "e1000e,romfile=/etc/shadow"),
        ("-device", "pci-testdev,romfile=x"),
        ("-device", "virtserialport,chardev=monitor,name=rustbed.shell"),
        ("-device", "virtserialport,chardev=shell,name=org.qemu.guest_agent.0"),
        ("-device", "virtio-rng-pci,rng=x"),
        ("-device", "edu,addr=/x"),
        ("-device", ""),
        ("/dev/sda",),
        ("",),
        ("--daemonize",),
        ("-device",),
    ],
    ids=" ".join,
)
def test_what_reaches_into_the_host_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(BundleError, match="a bundle may not"):
        check_argv(argv(qemu_args=words), X86, FILES)


@pytest.mark.parametrize("option", ["-nodefaults", "-no-user-config", "-no-reboot"])
def test_safeguards_are_required(option: str) -> None:
    words = tuple(word for word in argv() if word != option)
    with pytest.raises(BundleError, match=f"without its safeguards(.|\n)*{option}"):
        check_argv(words, X86, FILES)


def test_the_sandbox_is_required() -> None:
    words = argv()
    at = words.index("-sandbox")
    with pytest.raises(BundleError, match="without its safeguards"):
        check_argv(words[:at] + words[at + 2 :], X86, FILES)


def test_files_of_the_host_are_refused_for_the_kernel() -> None:
    spec = replace(spec_of(X86), initramfs=Path("initramfs.cpio"))
    with pytest.raises(BundleError, match="-kernel /k/image"):
        check_argv(render_argv_of(spec), X86, FILES)


def test_the_channels_of_a_real_run_are_not_a_bundles() -> None:
    channels = Channels(console="file,path=/x", shell="socket,fd=3", records="null", monitor="socket,fd=4")
    with pytest.raises(BundleError, match="a bundle may not"):
        check_argv(render_argv(spec_of(X86), (), channels), X86, FILES | {"/k/image", "/i/initramfs.cpio"})


def test_devices_that_need_a_file_are_not_allowed() -> None:
    assert not device_is_allowed("virtio-blk-pci,drive=x")
    assert not device_is_allowed("pci-testdev,membar=/x")
    assert device_is_allowed("pci-testdev,membar=1M")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("device_add", {"driver": "pci-testdev", "id": "plugged1", "bus": "port0"}),
        ("device_add", {"driver": "edu", "multifunction": True, "addr": 3}),
        ("device_del", {"id": "plugged1"}),
        ("qom-list", {"path": "/machine"}),
        ("query-status", {}),
        ("inject-nmi", {}),
    ],
)
def test_monitor_commands_of_tests_are_allowed(command: str, arguments: dict[str, object]) -> None:
    check_monitor(command, arguments)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("human-monitor-command", {"command-line": "pmemsave 0 1 /root/.bashrc"}),
        ("migrate", {"uri": "exec:touch /tmp/evil"}),
        ("screendump", {"filename": "/root/.bashrc"}),
        ("pmemsave", {"val": 0, "size": 1, "filename": "/x"}),
        ("dump-guest-memory", {"protocol": "file:/x", "paging": False}),
        ("object-add", {"qom-type": "secret", "id": "x", "file": "/etc/shadow"}),
        ("blockdev-add", {"driver": "file", "node-name": "x", "filename": "/etc/passwd"}),
        ("chardev-add", {"id": "x", "backend": {"type": "file", "data": {"out": "/x"}}}),
        ("netdev_add", {"type": "user", "id": "x"}),
        ("qom-set", {"path": "/machine", "property": "x", "value": 1}),
        ("device_add", {"driver": "vfio-pci", "host": "01:00.0"}),
        ("device_add", {"driver": "pci-testdev", "romfile": "/etc/shadow"}),
        ("device_add", {"driver": "vfio-user-pci", "socket": {"type": "unix", "path": "/x"}}),
        ("device_add", {"driver": "edu,romfile=/x"}),
        ("device_add", {"driver": 3}),
        ("device_add", {}),
        ("quit", {}),
    ],
)
def test_monitor_commands_that_reach_into_the_host_are_refused(
    command: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(BundleError, match="QEMU's monitor"):
        check_monitor(command, arguments)
