#!/bin/sh
# `-rtc base=DATE,clock=vm` gives a machine the date and makes its clocks go with the machine's own time. virtio-rtc-pci, the clock of
# VIRTIO 1.4 that Linux makes a PTP clock of, takes no notice:
#
#   -rtc base=2020-02-02T12:00:00,clock=vm     mc146818rtc, the CMOS clock    virtio-rtc-pci
#   when the machine starts                    2020-02-02 12:00:00            the host's time
#   after 100 s of the machine's clock         12:01:40                       the host's time
#
# It calls the clock UTC and offers nothing else: one clock, no alarm, no cross timestamps.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1. No guest runs: registers and memory are written by qtest.
#
# What it means here: no test has a fixed date from this device; one that compares it with the machine's other clock finds years between
# (docs/devices.md, "Clocks, watchdogs and lines of QEMU's machines").
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-x86=$version,qemu-system-common=$version,qemu-system-data=$version,seabios/trixie-backports" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main" || exit 2
python3 - "$dir/root" <<'END'
import atexit, os, struct, subprocess, sys, time

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
SLOT, BASE = 4, 0xE0000000
process = subprocess.Popen(
    [*qemu, "-machine", "q35,accel=qtest", "-m", "64", "-display", "none", "-nodefaults", "-rtc", "base=2020-02-02T12:00:00,clock=vm",
     "-device", f"virtio-rtc-pci,addr={SLOT}", "-qtest", "stdio", "-qtest-log", "none"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
atexit.register(process.kill)


def answer_to(text):
    print(text, file=process.stdin, flush=True)
    while not (line := process.stdout.readline()).startswith("OK"):
        pass
    return line.split()[1:]


def say(text):
    return int((answer_to(text) + ["0"])[0], 0)


def pci(offset, value=None):
    say(f"outl 0xcf8 {1 << 31 | SLOT << 11 | offset:#x}")
    return say("inl 0xcfc" if value is None else f"outl 0xcfc {value:#x}")


def memory(address, data):
    say(f"write {address:#x} {len(data):#x} 0x{data.hex()}")


def read_memory(address, length):
    return bytes.fromhex(answer_to(f"read {address:#x} {length:#x}")[0][2:])


# the structures of a virtio device on PCI, in BAR 4
COMMON, NOTIFY = 1, 2
where = {}
capability = pci(0x34) & 0xFF
while capability:
    header = pci(capability)
    if header & 0xFF == 9:
        where[header >> 24] = BASE + pci(capability + 8)
    capability = header >> 8 & 0xFF
for register, value in ((0x20, BASE), (0x24, 0), (0x04, 6)):
    pci(register, value)


def common(width, offset, value):
    say(f"write{width} {where[COMMON] + offset:#x} {value:#x}")


TABLE, AVAILABLE, USED, REQUEST, REPLY = (0x100000 + 0x1000 * page for page in range(5))
for status in (0, 1, 3):
    common("b", 0x14, status)
for half, features in ((0, 0), (1, 1)):  # VERSION_1
    common("l", 0x08, half)
    common("l", 0x0C, features)
common("b", 0x14, 0xB)
common("w", 0x16, 0)
for register, address in ((0x20, TABLE), (0x28, AVAILABLE), (0x30, USED)):
    common("l", register, address)
    common("l", register + 4, 0)
common("w", 0x1C, 1)
common("b", 0x14, 0xF)
asked = 0


def ask(message, *rest):
    """Send a request of 16 bytes, or of 8; return the reply."""
    global asked
    request = struct.pack("<H6x", message) + b"".join(rest)
    memory(REQUEST, request)
    memory(TABLE, struct.pack("<QIHHQIHH", REQUEST, len(request), 1, 1, REPLY, 16, 2, 0))
    memory(AVAILABLE + 4 + 2 * asked, bytes(2))
    asked += 1
    memory(AVAILABLE + 2, struct.pack("<H", asked))
    say(f"writew {where[NOTIFY]:#x} 0")
    if read_memory(USED + 2, 2) != struct.pack("<H", asked):
        raise SystemExit("changed: no answer")
    return read_memory(REPLY, 16)


READ, CONFIGURATION, CLOCK = 0x0001, 0x1000, struct.pack("<H6x", 0)
UIP_OR_SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR = 0, 2, 4, 7, 8, 9


def cmos():
    found = []
    for register in (YEAR, MONTH, DAY, HOURS, MINUTES, UIP_OR_SECONDS):
        say(f"outb 0x70 {register}")
        found.append(f"{say('inb 0x71'):02x}")
    return " ".join(found)


def times():
    """Return whether the device has the host's time, and the CMOS clock."""
    return abs(struct.unpack_from("<Q", ask(READ, CLOCK), 8)[0] / 1e9 - time.time()) < 60, cmos()


seen = [struct.unpack_from("<H", ask(CONFIGURATION), 8)[0], times()]
say(f"clock_step {100 * 10**9}")
seen.append(times())
print(f"clocks: {seen[0]}")
for words, (of_host, other) in zip(("at first", "100 s later"), seen[1:], strict=True):
    print(f"{words}: the host's time {of_host}; the CMOS clock {other}")
sys.exit(0 if seen == [1, (True, "20 02 02 12 00 00"), (True, "20 02 02 12 01 40")] else "changed: no longer as described")
END
