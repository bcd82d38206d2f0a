#!/bin/sh
# With -rtc clock=vm QEMU's clocks go by the machine's time, and can no longer be set: ds1338 and rs5c372 go on by as much as
# the machine's time is ahead of the host's, each time a byte is written to them. In a machine that is an hour ahead:
#
#   at 06:00:00, 0 is written to the seconds         it is 07:00:00
#   once more                                        it is 08:00:00
#   04:00:00 and the date are set, in seven bytes    it is 09:00:00
#
# With clock=host, which is the default, each of them is as it was set.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs: a bus is driven bit by bit through qtest.
#
# What it means here: do not give such a chip to a machine with `-rtc clock=vm`, or have the chip in Python
# (docs/devices.md, "QEMU's own chips").
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-arm=$version,qemu-system-common=$version,qemu-system-data=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 - "$dir/root" <<'END'
import atexit, os, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-arm", "-L", f"{root}/usr/share/qemu"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
BUS, SCL, SDA = 0x10002000, 1, 2
DS1338, RS5C372 = 0x68, 0x32


class Machine:
    """A machine with both clocks, which begins at five in the morning; an hour of it passes at once."""

    def __init__(self, clock):
        self.process = subprocess.Popen(
            [*qemu, "-machine", "versatilepb,accel=qtest,audiodev=none", "-audiodev", "none,id=none", "-display", "none", "-nodefaults",
             "-rtc", f"base=2026-03-04T05:00:00,clock={clock}", "-device", f"ds1338,bus=i2c,address={DS1338}",
             "-device", f"rs5c372,bus=i2c,address={RS5C372}", "-qtest", "stdio", "-qtest-log", "none"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)

        self.say(f"clock_step {3600 * 10**9}")

    def say(self, text):
        print(text, file=self.process.stdin, flush=True)
        while not (line := self.process.stdout.readline()).startswith("OK"):
            pass
        return int((line.split() + ["0"])[1], 0)

    def pins(self, *levels):
        for pin, high in levels:
            self.say(f"writel {BUS + (0 if high else 4):#x} {pin}")

    def begin(self, *sent):
        """Start a transfer; return whether each byte was acknowledged."""
        self.pins((SDA, 1), (SCL, 1), (SDA, 0), (SCL, 0))
        answers = []
        for byte in sent:
            for bit in f"{byte:08b}":
                self.pins((SDA, bit == "1"), (SCL, 1), (SCL, 0))
            self.pins((SDA, 1), (SCL, 1))
            answers.append(not self.say(f"readl {BUS:#x}") & SDA)
            self.pins((SCL, 0))
        return all(answers)

    def end(self):
        self.pins((SDA, 0), (SCL, 1), (SDA, 1))

    def set(self, chip, registers):
        acknowledged = self.begin(chip << 1, 0, *registers)
        self.end()
        return acknowledged

    def read(self, chip):
        """Return seconds to year, as hexadecimal digits."""
        # the second chip has its registers' numbers in the upper half of the byte
        self.begin(chip << 1, 0)
        # and gives the one that was named last, before those from 0 on
        self.begin(chip << 1 | 1)
        found = []
        for _ in range(8):
            bits = ""
            for _ in range(8):
                self.pins((SDA, 1), (SCL, 1))
                bits += str(self.say(f"readl {BUS:#x}") >> 1 & 1)
                self.pins((SCL, 0))
            self.pins((SDA, 0), (SCL, 1), (SCL, 0))
            found.append(f"{int(bits, 2):02x}")
        # a last byte that is not acknowledged
        for _ in range(8):
            self.pins((SDA, 1), (SCL, 1), (SCL, 0))
        self.pins((SDA, 1), (SCL, 1), (SCL, 0))
        self.end()
        return found[1:] if chip == RS5C372 else found[:7]


def times(clock, chip):
    """Return the hour and minute of a chip: after an hour, after 0 was written to its seconds once and twice, and when 04:00 was set."""
    machine = Machine(clock)
    found = []
    for registers in ([], [0], [0], [0, 0, 4, 4, 4, 3, 0x26]):
        if not machine.set(chip, registers):
            raise SystemExit("not acknowledged")
        found.append("{2}:{1}".format(*machine.read(chip)))
    machine.process.kill()
    print(f"clock={clock}, chip {chip:#x}:", *found)
    return found


as_described = (
    times("vm", DS1338) == times("vm", RS5C372) == ["06:00", "07:00", "08:00", "09:00"]
    and times("host", DS1338) == times("host", RS5C372) == ["05:00", "05:00", "05:00", "04:00"]
)
sys.exit(0 if as_described else "changed: no longer as described")
END
