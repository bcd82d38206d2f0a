#!/bin/sh
# The GPIO controller of QEMU's arm64 machine `virt` is a PL061. A line that is set to levels has an interrupt as long as the level lasts; the clear
# register is for edges. QEMU's remembers what is over:
#
#                                                                QEMU's pl061            a PL061
#   interrupt at a high level, the line rises and falls          stays until it is       gone
#                                                                cleared
#   cleared in between, while the level was high                 the same                gone
#   a line is 1 from outside, is made an output, driven to 0,    reads as 0, and a       1
#     and made an input again; nothing changed outside           falling edge was seen
#
# A driver that acknowledges before it handles, as Linux' gpio-pl061 does, is thus called twice for each level.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs: registers and lines are set by qtest.
#
# What it means here: only the power button is at this controller. Who drives its other lines by qtest sees two interrupts for each level
# (docs/devices.md, "Clocks, watchdogs and lines of QEMU's machines").
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-arm=$version,qemu-system-common=$version,qemu-system-data=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main" || exit 2
python3 - "$dir/root" <<'END'
import atexit, json, os, socket, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-aarch64", "-L", f"{root}/usr/share/qemu"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
(ours_q, theirs_q), (ours_m, theirs_m) = socket.socketpair(), socket.socketpair()
fds = theirs_q.fileno(), theirs_m.fileno()
process = subprocess.Popen(
    [*qemu, "-machine", "virt,accel=qtest", "-m", "64", "-display", "none", "-nodefaults",
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
    return answer["return"]


execute("qmp_capabilities")


def say(text):
    print(text, file=bus, flush=True)
    while not (line := bus.readline()).startswith("OK"):
        pass
    return int((line.split() + ["0"])[1], 0)


PORT, DATA, DIRECTION, LEVELS, RISING, RAW, CLEAR = 0x9030000, 0x3FC, 0x400, 0x404, 0x40C, 0x414, 0x41C
LINE = 1
devices = "/machine/unattached"
port = next(item["name"] for item in execute("qom-list", path=devices) if item["type"] == "child<pl061>")
seen = []


def write(register, value):
    say(f"writel {PORT + register:#x} {value:#x}")


def outside(level):
    say(f"set_irq_in {devices}/{port} unnamed-gpio-in {LINE} {level}")


def note(what):
    found = tuple(say(f"readl {PORT + register:#x}") >> LINE & 1 for register in (DATA, RAW))
    print(f"{what}: reads as {found[0]}, interrupt {found[1]}")
    seen.append(found)


write(LEVELS, 1 << LINE)
write(RISING, 1 << LINE)
write(CLEAR, 1 << LINE)
note("high level, the line is low")
outside(1)
note("it rises")
outside(0)
note("and falls")
write(CLEAR, 1 << LINE)
outside(1)
write(CLEAR, 1 << LINE)
outside(0)
note("cleared while high, and falls")
write(CLEAR, 1 << LINE)
note("cleared")
write(LEVELS, 0)
write(RISING, 0)
outside(1)
write(CLEAR, 1 << LINE)
note("falling edges, 1 from outside")
write(DIRECTION, 1 << LINE)
write(DATA, 0)
outside(1)
write(DIRECTION, 0)
note("was an output of 0, is an input")
wanted = [(0, 0), (1, 1), (0, 1), (0, 1), (0, 0), (1, 0), (0, 1)]
sys.exit(0 if seen == wanted else "changed: no longer as described")
END
