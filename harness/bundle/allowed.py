"""Which of QEMU's options a bundle may use.

QEMU can read and write any file of the host, connect to its sockets and pass
its devices through, if its command line says so; a bundle's command line is a
stranger's. What is not listed here, option by option and value by value, is
refused. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from rustbed.arch import Arch
from rustbed.bundle.manifest import BundleError
from rustbed.machine.argv import PULSE_PORT, RECORDS_PORT, SANDBOX, SHELL_PORT


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# devices that need nothing from the host; virtio-rng uses QEMU's own source of randomness
_DEVICES = _words(
    """
    virtio-serial-pci virtio-serial-device virtio-serial-ccw virtserialport virtconsole
    pcie-root-port pcie-pci-bridge pci-bridge pxb-pcie
    pci-testdev edu pvpanic-pci virtio-rng-pci virtio-balloon-pci virtio-iommu-pci intel-iommu
    qemu-xhci nec-usb-xhci usb-ehci usb-hub usb-kbd usb-mouse usb-tablet
    virtio-keyboard-pci virtio-mouse-pci virtio-tablet-pci
    virtio-gpu-pci bochs-display VGA secondary-vga ramfb
    e1000 e1000e igb virtio-net-pci rtl8139
    i2c-echo tmp105 ds1338 i6300esb ib700 sdhci-pci
    """
)
# properties that affect only the machine; none of their values is a path
_PROPERTIES = _words(
    """
    id bus addr nr name max_ports chassis slot port multifunction membar membar-backed address
    hotplug io-reserve mem-reserve bus_nr numa_node x-speed x-width vectors disable-legacy disable-modern
    iommu_platform ats mac xres yres edid max_outputs vgamem_mb dma_mask intremap caching-mode
    p2 p3 boot-bypass romfile rombar
    """
)
# of -machine: "memory-backend", "dumpdtb", "firmware" and the like name files and objects
_MACHINE = _words(
    """
    gic-version iommu virtualization secure mte ras highmem highmem-ecam highmem-mmio highmem-redists
    its acpi aia aia-guests aclint smm vmport hpet pit pic sata usb smbus kernel-irqchip nvdimm
    default-bus-bypass-iommu mem-merge
    """
)
_ACCEL = re.compile(r"kvm|tcg(,(thread=(single|multi)|tb-size=\d{1,4}|one-insn-per-tb=(on|off)))*")
_WORD = re.compile(r"[A-Za-z0-9_.:+\-]*")
_CPU = re.compile(r"[A-Za-z0-9_.\-]+(,[+\-]?[A-Za-z0-9_.\-]+(=[A-Za-z0-9_.\-]+)?)*")

# channels in a bundle's arguments; what starts the machine replaces them with its own
CONSOLE = "file,id=console,path=console.again.log"
_CHARDEVS = frozenset((CONSOLE, "stdio,id=shell,signal=on", "null,id=records", "null,id=pulse"))


def check_argv(argv: Sequence[str], arch: Arch, files: Collection[str]) -> None:
    """Raise BundleError for an option or a value that no bundle may have.

    `argv` are QEMU's arguments without the program, `files` the bundle's, of
    which the arguments may name any.
    """
    rules = _rules(arch, files)
    seen = set()
    for option, value in _pairs(argv, rules):
        if not rules[option](value):
            raise BundleError("a bundle may not pass QEMU this value", option=f"{option} {value}"[:300])
        seen.add(option)
    if lacking := {"-nodefaults", "-no-user-config", "-sandbox", "-no-reboot"} - seen:
        raise BundleError("the bundle starts QEMU without its safeguards", lacking=", ".join(sorted(lacking)))


_FLAGS = ("-nodefaults", "-no-user-config", "-no-reboot")


def _pairs(argv: Sequence[str], rules: dict[str, Callable[[str], bool]]) -> Iterator[tuple[str, str]]:
    words = iter(argv)
    for option in words:
        if option not in rules:
            raise BundleError("a bundle may not pass QEMU this option", option=option[:300])
        yield option, "" if option in _FLAGS else next(words, "")


def _rules(arch: Arch, files: Collection[str]) -> dict[str, Callable[[str], bool]]:
    """Return a check of the value for each option."""
    own = frozenset(zip(arch.machine_args[::2], arch.machine_args[1::2], strict=True))
    return {
        **dict.fromkeys(_FLAGS, lambda value: not value),
        "-display": lambda value: value == "none",
        "-sandbox": lambda value: value == SANDBOX,
        "-machine": lambda value: _machine_is_allowed(value, arch),
        "-accel": _matches(_ACCEL),
        "-cpu": _matches(_CPU),
        "-smp": _matches(re.compile(r"\d{1,3}")),
        "-m": _matches(re.compile(r"\d{1,7}M")),
        "-global": lambda value: ("-global", value) in own,
        "-kernel": lambda value: value in files,
        "-initrd": lambda value: value in files,
        "-dtb": lambda value: value in files,
        "-acpitable": lambda value: value.startswith("file=") and value.removeprefix("file=") in files,
        # affects only the guest
        "-append": lambda value: True,
        "-chardev": lambda value: value in _CHARDEVS,
        "-serial": lambda value: value == "chardev:console",
        "-device": device_is_allowed,
        "-icount": _matches(re.compile(r"(shift=)?(\d{1,2}|auto)(,(sleep|align)=(on|off))*")),
    }


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value) is not None


def _machine_is_allowed(value: str, arch: Arch) -> bool:
    if value != arch.machine and not value.startswith(f"{arch.machine},"):
        return False
    return all(
        name in _MACHINE and _WORD.fullmatch(setting)
        for name, _, setting in (part.partition("=") for part in value[len(arch.machine) :].split(",")[1:])
    )


def device_is_allowed(value: str) -> bool:
    """Whether a bundle may have a device, given as an argument of -device."""
    driver, *properties = value.split(",")
    if driver not in _DEVICES:
        return False
    return all(_property_is_allowed(driver, *part.partition("=")[::2]) for part in properties)


def _property_is_allowed(driver: str, name: str, value: str) -> bool:
    if name == "chardev":
        return driver == "virtserialport" and value in ("shell", "records", "pulse")
    if name == "romfile":
        # empty, or a file of the host
        return not value
    if driver == "virtserialport" and name == "name":
        return value in (SHELL_PORT, RECORDS_PORT, PULSE_PORT)
    return name in _PROPERTIES and _WORD.fullmatch(value) is not None


# QMP commands that only query, or that do to the guest what a person at the machine could do
_COMMANDS = _words(
    """
    qom-list qom-get device-list-properties device_del stop cont
    system_reset system_powerdown system_wakeup inject-nmi send-key input-send-event
    """
)


def check_monitor(command: str, arguments: Mapping[str, object]) -> None:
    """Raise BundleError for a QMP command that a bundle may not give."""
    if command in _COMMANDS or command.startswith("query-"):
        return
    if command == "device_add" and all(isinstance(value, (str, int)) for value in arguments.values()):
        given = {name: _word(value) for name, value in arguments.items()}
        properties = (f"{name}={value}" for name, value in given.items() if name != "driver")
        if device_is_allowed(",".join((given.get("driver", ""), *properties))):
            return
    raise BundleError(
        "a bundle may not give this command to QEMU's monitor", command=f"{command} {arguments}"[:300]
    )


def _word(value: object) -> str:
    return ("off", "on")[value] if isinstance(value, bool) else str(value)
