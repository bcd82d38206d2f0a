#!/bin/sh
# QEMU's at24c-eeprom of 512, 1024 or 2048 bytes is none of the parts of these sizes. A 24c04, 24c08 or 24c16 takes one
# byte of address and has the upper bits in its I2C address, so it answers at several; QEMU's answers at one and
# wants two bytes, as a 24c32 does. What a driver for the real part writes is taken, byte for byte acknowledged, and
# lands elsewhere. At rom-size=256 it is one byte, as it should be. Two more things that the parts do otherwise: a new
# one is all zeros, not all ones, and a write does not stay in its page of 8 bytes.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs: a bus is driven bit by bit through qtest.
#
# What it means here: such a chip is better written in Python (docs/devices.md, "An I2C chip").
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
machine = subprocess.Popen(
    [*qemu, "-machine", "versatilepb,accel=qtest,audiodev=none", "-audiodev", "none,id=none", "-display", "none", "-nodefaults",
     "-device", "at24c-eeprom,bus=i2c,address=0x50,rom-size=256", "-device", "at24c-eeprom,bus=i2c,address=0x54,rom-size=512",
     "-qtest", "stdio", "-qtest-log", "none"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
atexit.register(machine.kill)


def say(text):
    print(text, file=machine.stdin, flush=True)
    while not (line := machine.stdout.readline()).startswith("OK"):
        pass
    return int((line.split() + ["0"])[1], 0)


def drive(*lines):
    for line, level in lines:
        say(f"writel {BUS if level else BUS + 4:#x} {line}")


def put(byte):
    for bit in range(7, -1, -1):
        drive((SDA, byte >> bit & 1), (SCL, 1), (SCL, 0))
    drive((SDA, 1), (SCL, 1))
    acknowledged = not say(f"readl {BUS:#x}") & SDA
    drive((SCL, 0))
    return acknowledged


def start(address, *written):
    drive((SDA, 1), (SCL, 1), (SDA, 0), (SCL, 0))
    return all([put(byte) for byte in (address, *written)])


def write(address, *written):
    acknowledged = start(address << 1, *written)
    drive((SDA, 0), (SCL, 1), (SDA, 1))
    return acknowledged


def read(address, at, count):
    """Return bytes of a chip; `at` has the bytes of its address."""
    start(address << 1, *at)
    start(address << 1 | 1)
    found = []
    for index in range(count):
        byte = 0
        for _ in range(8):
            drive((SDA, 1), (SCL, 1))
            byte = byte << 1 | say(f"readl {BUS:#x}") >> 1 & 1
            drive((SCL, 0))
        drive((SDA, index == count - 1), (SCL, 1), (SCL, 0))
        found.append(byte)
    drive((SDA, 0), (SCL, 1), (SDA, 1))
    return bytes(found).hex()


seen = {
    "both new": (read(0x50, [0], 4), read(0x54, [0, 0], 4)),
    "256 bytes, written at 6": write(0x50, 6, 0xA1, 0xA2, 0xA3, 0xA4) and (read(0x50, [0], 8), read(0x50, [8], 2)),
    # a 24c04 has its second half there
    "512 bytes, second I2C address answers": write(0x55),
    "512 bytes, written at 6": write(0x54, 6, 0xA1, 0xA2, 0xA3, 0xA4) and (read(0x54, [0, 6], 4), read(0x54, [0, 0xA1], 4)),
    "512 bytes, written at 0x6a1": read(0x54, [6, 0xA1], 4),
}
for what, found in seen.items():
    print(f"{what}: {found}")
machine.kill()
as_described = list(seen.values()) == [
    ("00000000", "00000000"), ("000000000000a1a2", "a3a4"), False, ("00000000", "a2a3a400"), "a2a3a400"]
sys.exit(0 if as_described else "changed: no longer as described")
END
