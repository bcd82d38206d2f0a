#!/bin/sh
# A driver sets a clock chip's date in one transfer: seconds, minutes, hours, weekday, day, month, year. The real parts keep
# these numbers as they come. QEMU's ds1338 and rs5c372 turn each byte, as it comes, into a whole date of the old month
# or the old year, so a day that the old month lacks moves on, and the month that follows is put on the moved day:
#
#   in February 2026, 30 April is set     it has 2 April
#   in February 2026, 31 December is set  3 December
#   in February 2026, 29 February 2028    1 February 2028
#   in January 2026, 30 April             30 April
#
# The weekday is another one than was set in all but the third case. Nothing is refused. The same transfer a second
# time has the date right.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs: a bus is driven bit by bit through qtest.
#
# What it means here: a test that sets such a clock starts its machine in the month that it sets, or has the chip in Python
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
    """A machine with both clocks, which begins at noon of a date."""

    def __init__(self, date):
        self.process = subprocess.Popen(
            [*qemu, "-machine", "versatilepb,accel=qtest,audiodev=none", "-audiodev", "none,id=none", "-display", "none", "-nodefaults",
             "-rtc", f"base={date}T12:00:00", "-device", f"ds1338,bus=i2c,address={DS1338}",
             "-device", f"rs5c372,bus=i2c,address={RS5C372}", "-qtest", "stdio", "-qtest-log", "none"],
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


def dates(today, year, month, day, weekday):
    """Return, for both chips, the date when it was set once and when it was set twice; and the weekdays at once."""
    machine = Machine(today)
    wanted = [0, 0, 0x12, weekday, *(int(str(number), 16) for number in (day, month, year))]
    found = []
    for chip in (DS1338, RS5C372):
        for _ in range(2):
            if not machine.set(chip, wanted):
                raise SystemExit("not acknowledged")
            now = machine.read(chip)
            found.append(("20{6}-{5}-{4}".format(*now), int(now[3])))
    machine.process.kill()
    print(f"{today}, set 20{year}-{month:02}-{day:02} weekday {weekday}:", *found)
    return [date for date, _ in found], {found[0][1], found[2][1]}


as_described = (
    dates("2026-02-10", 26, 4, 30, 5) == (["2026-04-02", "2026-04-30"] * 2, {7})
    and dates("2026-02-10", 26, 12, 31, 5) == (["2026-12-03", "2026-12-31"] * 2, {7})
    and dates("2026-02-10", 28, 2, 29, 3) == (["2028-02-01", "2028-02-29"] * 2, {3})
    and dates("2026-01-10", 26, 4, 30, 5) == (["2026-04-30", "2026-04-30"] * 2, {3})
)
sys.exit(0 if as_described else "changed: no longer as described")
END
