#!/bin/sh
# IPMI's Set SEL Time gives a BMC the time for its event log. QEMU's ipmi-bmc-sim takes the difference to its clock with the wrong sign:
#
#   set                    Get SEL Time answers
#   the present time       that
#   1000 s later           1000 s earlier
#   1000 s earlier         1000 s later
#
# The command succeeds, and an event that is added then has that time, too. Before, it is the host's time, whatever `-rtc base=` says, and
# 100 s of the machine's own clock leave it as it is.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1, behind isa-ipmi-kcs. No guest runs: commands are written by qtest.
#
# What it means here: a driver that sets the clock of a BMC and reads it back fails with QEMU's (docs/devices.md, "QEMU's own PCI devices").
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
import atexit, os, subprocess, sys, time

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
process = subprocess.Popen(
    [*qemu, "-machine", "q35,accel=qtest", "-display", "none", "-nodefaults", "-rtc", "base=2020-02-02T12:00:00,clock=vm",
     "-device", "ipmi-bmc-sim,id=bmc", "-device", "isa-ipmi-kcs,bmc=bmc", "-qtest", "stdio", "-qtest-log", "none"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
atexit.register(process.kill)
DATA, STATUS = 0xCA2, 0xCA3
STORAGE, ADD_ENTRY, GET_ENTRY, GET_TIME, SET_TIME = 0x0A << 2, 0x44, 0x43, 0x48, 0x49


def say(text):
    print(text, file=process.stdin, flush=True)
    while not (line := process.stdout.readline()).startswith("OK"):
        pass
    return int((line.split() + ["0"])[1], 0)


def put(port, value):
    say(f"outb {port:#x} {value:#x}")
    while say(f"inb {STATUS:#x}") & 2:
        pass


def ask(command, data=b""):
    """Send a request to the storage function by KCS; return the data of its answer."""
    request = bytes([STORAGE, command, *data])
    put(STATUS, 0x61)
    for byte in request[:-1]:
        put(DATA, byte)
    put(STATUS, 0x62)
    put(DATA, request[-1])
    answer = []
    while (status := say(f"inb {STATUS:#x}")) >> 6 == 1:
        if status & 1:
            answer.append(say(f"inb {DATA:#x}"))
            put(DATA, 0x68)
    say(f"inb {DATA:#x}")
    if answer[2]:
        raise SystemExit(f"changed: command {command:#x} completes with {answer[2]:#x}")
    return bytes(answer[3:])


def clock():
    """Return how far the BMC's clock is from the host's, in s."""
    return number(ask(GET_TIME)) - time.time()


def number(data):
    return int.from_bytes(data[:4], "little")


seen = []


def note(what, difference):
    print(f"{what}: {difference:+.0f} s")
    seen.append(difference)


note("at first", clock())
say(f"clock_step {100 * 10**9}")
note("after 100 s of the machine's clock", clock())
for offset in (0, 1000, -1000):
    ask(SET_TIME, int(time.time() + offset).to_bytes(4, "little"))
    note(f"set to {offset:+} s", clock())
# an event of type 02, which the BMC puts the time to
ask(ADD_ENTRY, bytes([0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, 1, 0x6F, 0, 0, 0]))
note("an event then", number(ask(GET_ENTRY, bytes([0, 0, 0, 0, 0, 0xFF]))[5:]) - time.time())
as_described = all(abs(found - wanted) < 5 for found, wanted in zip(seen, (0, 0, 0, -1000, 1000, 1000), strict=True))
sys.exit(0 if as_described else "changed: no longer as described")
END
