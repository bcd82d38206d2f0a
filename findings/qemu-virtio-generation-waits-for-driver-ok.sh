#!/bin/sh
# A virtio driver that reads more than one register of a device's configuration reads config_generation before and after: the device MUST
# present another one when what was read has changed (VIRTIO 1.2, 4.1.4.3.1). Drivers read in their probe, before DRIVER_OK. There QEMU
# changes the values and not the generation:
#
#                                    before DRIVER_OK   after it
#   virtio-blk-pci, block_resize     0, 0               0, 2
#   virtio-net-pci, set_link         0, 0               0, 1
#   virtio-balloon-pci, balloon      0, 0               0, 1
#
# There is no interrupt for it, either, before or later. After DRIVER_OK the ISR status is 3: it names the queues, too, in which
# nothing happened.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1. No guest runs: registers are written by qtest.
#
# What it means here: a test that changes a device beneath a driver's probe finds a driver that looks at the generation as wrong as
# one that does not (docs/devices.md, "QEMU's own PCI devices").
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-x86=$version,qemu-system-common=$version,qemu-system-data=$version,seabios/trixie-backports" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
truncate -s 1M "$dir/disk"
python3 - "$dir/root" "$dir/disk" <<'END'
import atexit, json, os, socket, subprocess, sys

root, disk = sys.argv[1:]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
(ours_q, theirs_q), (ours_m, theirs_m) = socket.socketpair(), socket.socketpair()
fds = theirs_q.fileno(), theirs_m.fileno()
process = subprocess.Popen(
    [*qemu, "-machine", "q35,accel=qtest", "-m", "64", "-display", "none", "-nodefaults",
     "-drive", f"if=none,id=disk,file={disk},format=raw", "-device", "virtio-blk-pci,drive=disk,addr=4,disable-legacy=on",
     "-netdev", "hubport,id=net,hubid=0", "-device", "virtio-net-pci,id=nic,netdev=net,addr=5,disable-legacy=on",
     "-device", "virtio-balloon-pci,addr=6,disable-legacy=on",
     "-chardev", f"socket,id=q,fd={fds[0]}", "-qtest", "chardev:q", "-qtest-log", "none",
     "-chardev", f"socket,id=m,fd={fds[1]}", "-mon", "chardev=m,mode=control"], pass_fds=fds, stderr=subprocess.DEVNULL)
atexit.register(process.kill)
theirs_q.close(), theirs_m.close()
bus, monitor = ours_q.makefile("rw"), ours_m.makefile("rw")
monitor.readline()


def execute(command, **arguments):
    print(json.dumps({"execute": command, "arguments": arguments}), file=monitor, flush=True)
    while "return" not in (answer := json.loads(monitor.readline())):
        if "error" in answer:
            raise SystemExit(f"{command}: {answer['error']}")


execute("qmp_capabilities")


def say(text):
    print(text, file=bus, flush=True)
    while not (line := bus.readline()).startswith("OK"):
        pass
    return int((line.split() + ["0"])[1], 0)


class Device:
    """A virtio device on PCI, with its structures in BAR 4."""

    COMMON, ISR, CONFIG = 1, 3, 4
    FEATURES, STATUS, GENERATION = 0x08, 0x14, 0x15

    def __init__(self, slot, base):
        self.slot, self.at = slot, {}
        capability = self.pci(0x34) & 0xFF
        while capability:
            header = self.pci(capability)
            if header & 0xFF == 9:
                self.at[header >> 24] = base + self.pci(capability + 8)
            capability = header >> 8 & 0xFF
        for offset, value in ((0x20, base), (0x24, 0), (0x04, 6)):
            self.pci(offset, value)
        for status in (0, 1, 3):
            self.write("b", self.STATUS, status)

    def pci(self, offset, value=None):
        say(f"outl 0xcf8 {1 << 31 | self.slot << 11 | offset:#x}")
        return say("inl 0xcfc" if value is None else f"outl 0xcfc {value:#x}")

    def write(self, width, offset, value):
        say(f"write{width} {self.at[self.COMMON] + offset:#x} {value:#x}")

    def generation(self):
        return say(f"readb {self.at[self.COMMON] + self.GENERATION:#x}")

    def start(self, features):
        """Accept some of the first 32 features, and VERSION_1; then DRIVER_OK."""
        for half, bits in enumerate((features, 1)):
            self.write("l", self.FEATURES, half)
            self.write("l", self.FEATURES + 4, bits)
        self.write("b", self.STATUS, 0xB)
        self.write("b", self.STATUS, 0xF)

    def changed_by(self, width, offset, command, **arguments):
        """Return whether the value changed, the generations before and after, and the ISR status."""
        value, before = self.value(width, offset), self.generation()
        execute(command, **arguments)
        return self.value(width, offset) != value, before, self.generation(), say(f"readb {self.at[self.ISR]:#x}")

    def value(self, width, offset):
        return say(f"read{width} {self.at[self.CONFIG] + offset:#x}")


NET_STATUS = 1 << 16
seen = []
for name, slot, features, register, command, *arguments in (
    ("block_resize", 4, 0, ("q", 0), "block_resize", {"device": "disk", "size": 2 << 20}, {"device": "disk", "size": 3 << 20}),
    ("set_link", 5, NET_STATUS, ("w", 6), "set_link", {"name": "nic", "up": False}, {"name": "nic", "up": True}),
    ("balloon", 6, 0, ("l", 0), "balloon", {"value": 48 << 20}, {"value": 32 << 20}),
):
    device = Device(slot, 0xE0000000 + (slot << 20))
    early = device.changed_by(*register, command, **arguments[0])
    device.start(features)
    late = device.changed_by(*register, command, **arguments[1])
    print(f"{name}: changed, generations, ISR: {early}; after DRIVER_OK {late}")
    seen.append((early, late))
as_described = seen == [((True, 0, 0, 0), (True, 0, steps, 3)) for steps in (2, 1, 1)]
sys.exit(0 if as_described else "changed: no longer as described")
END
