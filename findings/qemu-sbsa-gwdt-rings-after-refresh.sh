#!/bin/sh
# The generic watchdog of Arm's servers has two stages. At the end of the first it sets WS0 and raises its interrupt; a refresh, which a
# driver writes in the handler, starts the first stage anew and takes both back. The time of the stage's end is in a register, WCV, which
# software may write to wait longer or less (Arm BSA, "Generic Watchdog"). QEMU's sbsa-gwdt:
#
#   written                         WS0        interrupt
#   a refresh, after the first      0          still raised
#   the same offset to WOR, then    0          lowered
#   WCV := a moment that is past    0: nothing happens, the stage ends when it would have ended
#   WCV := years from now           1 at that same time
#
# So a handler that refreshes is called again at once, for ever. WCV reads as it was written.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1, machine sbsa-ref. No guest runs: registers are written by qtest.
#
# What it means here: Linux' sbsa_gwdt writes WOR when a timeout is set, and panics in its handler; a driver that refreshes there
# hangs on QEMU alone (docs/devices.md, "Clocks, watchdogs and lines of QEMU's machines").
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-arm=$version,qemu-system-common=$version,qemu-system-data=$version,seabios/trixie-backports" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main" || exit 2
python3 - "$dir/root" <<'END'
import atexit, json, os, socket, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-aarch64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
(ours_q, theirs_q), (ours_m, theirs_m) = socket.socketpair(), socket.socketpair()
fds = theirs_q.fileno(), theirs_m.fileno()
process = subprocess.Popen(
    [*qemu, "-machine", "sbsa-ref,accel=qtest", "-m", "256", "-display", "none", "-nodefaults", "-watchdog-action", "none",
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
raised = False


def say(text):
    global raised
    print(text, file=bus, flush=True)
    while not (line := bus.readline()).startswith("OK"):
        if line.split()[1:] in (["raise", LINE], ["lower", LINE]):
            raised = line.split()[1] == "raise"
    return int((line.split() + ["0"])[1], 0)


# addresses, interrupt and frequency as in the machine's documentation and device tree
REFRESH, CONTROL, LINE, TICKS = 0x50010000, 0x50011000, "16", 10**9
WCS, WOR, WCV = CONTROL, CONTROL + 8, CONTROL + 0x10
STAGE = TICKS // 2
HALF, FIFTH = 5 * 10**8 + 1, 2 * 10**8
devices = "/machine/unattached"
controller = next(item["name"] for item in execute("qom-list", path=devices) if item["type"] == "child<arm-gicv3>")
say(f"irq_intercept_in {devices}/{controller}")
seen = []


def write(register, value):
    say(f"writel {register:#x} {value:#x}")


def note(what):
    value = say(f"readl {WCS:#x}") >> 1 & 1, raised
    print(f"{what}: WS0 {value[0]}, interrupt {'raised' if raised else 'not raised'}")
    seen.append(value)


write(WOR, STAGE)
write(WCS, 1)
note("started")
say(f"clock_step {HALF}")
note("after the first stage")
write(REFRESH, 1)
note("refreshed")
say(f"clock_step {FIFTH}")
note("0.2 s later")
write(WOR, STAGE)
note("WOR written again")
say(f"clock_step {FIFTH}")
write(WCV, 1000)
say("clock_step 1000")
note("WCV, now in the past")
write(WCV + 4, 1 << 27)
say(f"clock_step {HALF - FIFTH}")
note("WCV years from now, 0.5 s after WOR")
kept = say(f"readl {WCV + 4:#x}") == 1 << 27
wanted = [(0, False), (1, True), (0, True), (0, True), (0, False), (0, False), (1, True)]
sys.exit(0 if seen == wanted and kept else "changed: no longer as described")
END
