#!/bin/sh
# QEMU's m41t80 acknowledges every byte of a new time and goes on with the old one. A driver's set_time succeeds, and so does
# a test that looks at its status only. The other writable registers are the same: an alarm that was written reads back as
# zeros, and ST, the bit of the seconds that stops the clock, as 0. ds1338 beside it has the time that was set.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs: a bus is driven bit by bit through qtest.
#
# What it means here: a clock that can be set is better written in Python (docs/devices.md, "QEMU's own chips").
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
DS1338, M41T80 = 0x68, 0x69


class Machine:
    """A machine with both clocks, which begins at noon of 10 February 2026."""

    def __init__(self):
        self.process = subprocess.Popen(
            [*qemu, "-machine", "versatilepb,accel=qtest,audiodev=none", "-audiodev", "none,id=none", "-display", "none", "-nodefaults",
             "-rtc", "base=2026-02-10T12:00:00", "-device", f"ds1338,bus=i2c,address={DS1338}",
             "-device", f"m41t80,bus=i2c,address={M41T80}", "-qtest", "stdio", "-qtest-log", "none"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)

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

    def write(self, chip, *sent):
        acknowledged = self.begin(chip << 1, *sent)
        self.end()
        return acknowledged

    def read(self, chip, register, count):
        """Return registers as hexadecimal digits."""
        self.begin(chip << 1, register)
        self.begin(chip << 1 | 1)
        found = ""
        for index in range(count):
            bits = ""
            for _ in range(8):
                self.pins((SDA, 1), (SCL, 1))
                bits += str(self.say(f"readl {BUS:#x}") >> 1 & 1)
                self.pins((SCL, 0))
            self.pins((SDA, index == count - 1), (SCL, 1), (SCL, 0))
            found += f"{int(bits, 2):02x}"
        self.end()
        return found


machine = Machine()
# minutes to year of 2031-07-08, 09:10; the first byte is the register's number. m41t80 has hundredths before the seconds
NEW = (0x10, 0x09, 0x03, 0x08, 0x07, 0x31)
seen = {
    "ds1338, day to year": (machine.read(DS1338, 4, 3), machine.write(DS1338, 1, *NEW), machine.read(DS1338, 4, 3)),
    "m41t80, day to year": (machine.read(M41T80, 5, 3), machine.write(M41T80, 2, *NEW), machine.read(M41T80, 5, 3)),
    "m41t80, alarm": (machine.write(M41T80, 0x0A, 0x87, 0x14, 0x13, 0x12, 0x11), machine.read(M41T80, 0x0A, 5)),
    "m41t80, stopped": (machine.write(M41T80, 1, 0x80), int(machine.read(M41T80, 1, 1), 16) >> 7),
}
for what, found in seen.items():
    print(f"{what}: {found}")
machine.process.kill()
as_described = list(seen.values()) == [
    ("100226", True, "080731"), ("100226", True, "100226"), (True, "0000000000"), (True, 0)]
sys.exit(0 if as_described else "changed: no longer as described")
END
