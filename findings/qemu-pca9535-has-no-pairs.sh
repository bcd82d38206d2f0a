#!/bin/sh
# The registers of a PCA9535, a GPIO expander with two ports, are pairs: the second byte of a transfer belongs to the other port, the
# third to the first one again. Linux' gpio-pca953x writes and reads both ports so. QEMU's pca9535 stays at the register that was named:
#
#   written                           ports 0 and 1 have   a PCA9535 has
#   02 aa bb, the output registers    bb ff                aa bb
#   03 11, then 02 55: one at a time  55 11                55 11
#   read two bytes from 02            55 55                55 11
#
# All bytes are acknowledged. Direction, polarity and the input registers work, a byte at a time.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs: a bus is driven bit by bit through qtest.
#
# What it means here: with gpio-pca953x the second port's lines are those of the first. A chip in Python has pairs
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
# the board's bus: writing a pin to the first address raises it, to the second lowers it
BUS, SCL, SDA, CHIP = 0x10002000, 1, 2, 0x20
process = subprocess.Popen(
    [*qemu, "-machine", "versatilepb,accel=qtest,audiodev=none", "-audiodev", "none,id=none", "-display", "none", "-nodefaults",
     "-device", f"pca9535,bus=i2c,address={CHIP}", "-qtest", "stdio", "-qtest-log", "none"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
atexit.register(process.kill)


def say(text):
    print(text, file=process.stdin, flush=True)
    while not (line := process.stdout.readline()).startswith("OK"):
        pass
    return int((line.split() + ["0"])[1], 0)


def pins(*levels):
    for pin, high in levels:
        say(f"writel {BUS + (0 if high else 4):#x} {pin}")


def begin(*sent):
    pins((SDA, 1), (SCL, 1), (SDA, 0), (SCL, 0))
    for byte in sent:
        for bit in f"{byte:08b}":
            pins((SDA, bit == "1"), (SCL, 1), (SCL, 0))
        pins((SDA, 1), (SCL, 1))
        if say(f"readl {BUS:#x}") & SDA:
            raise SystemExit("changed: not acknowledged")
        pins((SCL, 0))


def end():
    pins((SDA, 0), (SCL, 1), (SDA, 1))


def write(*data):
    begin(CHIP << 1, *data)
    end()


def read(register, count):
    begin(CHIP << 1, register)
    begin(CHIP << 1 | 1)
    found = []
    for left in reversed(range(count)):
        bits = ""
        for _ in range(8):
            pins((SDA, 1), (SCL, 1))
            bits += str(say(f"readl {BUS:#x}") >> 1 & 1)
            pins((SCL, 0))
        # the last byte is not acknowledged
        pins((SDA, not left), (SCL, 1), (SCL, 0))
        found.append(f"{int(bits, 2):02x}")
    end()
    return " ".join(found)


def ports(register):
    return f"{read(register, 1)} {read(register + 1, 1)}"


seen = []


def note(what, value):
    print(f"{what}: {value}")
    seen.append(value)


OUTPUT, POLARITY, DIRECTION, INPUT = 2, 4, 6, 0
write(OUTPUT, 0xAA, 0xBB)
note("output registers after 02 aa bb", ports(OUTPUT))
write(OUTPUT + 1, 0x11)
write(OUTPUT, 0x55)
note("after 03 11 and 02 55", ports(OUTPUT))
note("two bytes from 02", read(OUTPUT, 2))
write(DIRECTION, 0)
write(DIRECTION + 1, 0)
note("inputs of lines that are outputs", ports(INPUT))
write(POLARITY, 0xFF)
note("the first port inverted", ports(INPUT))
sys.exit(0 if seen == ["bb ff", "55 11", "55 55", "55 11", "aa 11"] else "changed: no longer as described")
END
