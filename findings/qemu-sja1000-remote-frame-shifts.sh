#!/bin/sh
# A CAN remote frame asks for data and has none; its length is that of the answer. QEMU's SJA1000 receives as many bytes with it, what
# the sender's buffer has from an earlier frame, and releases the frame without them. From then on the driver reads at the wrong
# place. Data frames of two bytes, 02 24 80 NN NN, and what is read of them:
#
#   remote frame of length 0      itself
#   data frame 1                  02 24 80 01 01
#   remote frame of length 3      itself
#   data frame 2                  01 01 00 02 24
#   data frame 3                  24 80 02 02 02
#   data frame 4                  03 03 02 24 80, also after reset mode and back
#
# Status and interrupts are right all the time.
#
# Two more things are not modelled, without a sign of it: a self reception request sends nothing, and no interrupt follows; in
# listen-only mode the chip sends. A frame is complete also where no other chip acknowledges it.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1, two kvaser_pci on a bus; pcm3680_pci and mioe3680_pci have the same chip. No guest
# runs: registers are read and written by qtest.
#
# What it means here: Linux' `loopback on` needs self reception, and a test of remote frames wants length 0, or a device in
# Python (docs/devices.md, "QEMU's own PCI devices").
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
python3 - "$dir/root" <<'END'
import atexit, os, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
process = subprocess.Popen(
    [*qemu, "-machine", "q35,accel=qtest", "-display", "none", "-nodefaults", "-object", "can-bus,id=bus",
     "-device", "kvaser_pci,addr=4,canbus=bus", "-device", "kvaser_pci,addr=5,canbus=bus", "-qtest", "stdio", "-qtest-log", "none"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
atexit.register(process.kill)


def say(text):
    print(text, file=process.stdin, flush=True)
    while not (line := process.stdout.readline()).startswith("OK"):
        pass
    return int((line.split() + ["0"])[1], 0)


class Chip:
    """A card's SJA1000, in PeliCAN mode, on speaking terms with the bus."""

    MODE, COMMAND, STATUS, INTERRUPT, ENABLE, FRAME, CLOCK = 0, 1, 2, 3, 4, 16, 31

    def __init__(self, slot, port):
        for offset, value in ((0x10, port), (0x14, port + 0x400), (0x18, port + 0x800), (0x04, 7)):
            say(f"outl 0xcf8 {1 << 31 | slot << 11 | offset:#x}")
            say(f"outl 0xcfc {value:#x}")
        self.registers = port + 0x400
        self.start(8)

    def write(self, register, *values):
        for at, value in enumerate(values, self.registers + register):
            say(f"outb {at:#x} {value:#x}")

    def read(self, register, count=1):
        return " ".join(f"{say(f'inb {at:#x}'):02x}" for at in range(self.registers + register, self.registers + register + count))

    def start(self, mode):
        """Leave reset mode, with all filters open and interrupts on."""
        self.write(self.MODE, 1)
        self.write(self.CLOCK, 0xC0)
        self.write(self.FRAME, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF)
        self.write(self.ENABLE, 0xFF)
        self.write(self.MODE, mode)

    def send(self, *frame, command=1):
        """Return status and interrupts of the sender."""
        self.write(self.FRAME, *frame)
        self.write(self.COMMAND, command)
        return self.read(self.STATUS), self.read(self.INTERRUPT)

    def receive(self):
        """Return the first five bytes of the frame, or None."""
        if not int(self.read(self.STATUS), 16) & 1:
            return None
        frame = self.read(self.FRAME, 5)
        self.write(self.COMMAND, 4)
        return frame


here, there = Chip(4, 0xD000), Chip(5, 0xE000)
seen = []


def note(what, *values):
    print(f"{what}:", *values)
    seen.append(values)


def data(number):
    return 0x02, 0x24, 0x80, number, number


def passed(*frame, command=1):
    """Send a frame; return what the other chip received."""
    here.send(*frame, command=command)
    return there.receive()


note("remote frame of length 0", passed(0x40, 0x24, 0x60)[:8])
note("data frame 1", passed(*data(1)))
note("remote frame of length 3", passed(0x43, 0x24, 0x60)[:8])
note("data frames 2 and 3", passed(*data(2)), passed(*data(3)))
there.start(8)
note("data frame 4, after reset mode", passed(*data(4)))
note("self reception", here.send(*data(5), command=0x10), there.receive(), here.receive())
here.start(0x0A)
note("listen-only mode", here.read(here.MODE), here.send(*data(6)), there.receive() is not None)
here.start(8)
there.write(there.MODE, 1)
note("no other chip", here.send(*data(7)), there.receive())
complete = ("1c", "02")
as_described = seen == [
    ("40 24 60",), ("02 24 80 01 01",), ("43 24 60",), ("01 01 00 02 24", "24 80 02 02 02"), ("03 03 02 24 80",),
    (("3c", "00"), None, None), ("0a", complete, True), (complete, None),
]
sys.exit(0 if as_described else "changed: no longer as described")
END
