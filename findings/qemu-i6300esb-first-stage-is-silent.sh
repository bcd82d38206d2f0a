#!/bin/sh
# The watchdog i6300ESB counts down twice. At the end of the first stage it interrupts, so that the driver can save something; at
# the end of the second it resets the machine. QEMU's model has both counters, but the end of the first has no effect: no INTx,
# no bit in the interrupt status (at 08 of its BAR), no event of QMP. QEMU prints a line on standard error. The event WATCHDOG
# comes with the second. A driver's handler for the first stage never runs in a test.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1. No guest runs: registers and the clock are qtest's.
#
# What it means here: a watchdog with a warning is better written in Python (docs/devices.md, "QEMU's own PCI devices").
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
import atexit, json, os, socket, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
BAR = 0xE0000000


class Machine:
    """A q35 without a guest: memory, ports and the clock by qtest, the rest by QMP."""

    def __init__(self, *devices):
        (ours_q, theirs_q), (ours_m, theirs_m) = socket.socketpair(), socket.socketpair()
        fds = theirs_q.fileno(), theirs_m.fileno()
        self.process = subprocess.Popen(
            [*qemu, "-machine", "q35,accel=qtest", "-display", "none", "-nodefaults", *devices,
             "-chardev", f"socket,id=q,fd={fds[0]}", "-qtest", "chardev:q", "-qtest-log", "none",
             "-chardev", f"socket,id=m,fd={fds[1]}", "-mon", "chardev=m,mode=control"], pass_fds=fds, stderr=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        theirs_q.close(), theirs_m.close()
        self.bus, self.monitor, self.events = ours_q.makefile("rw"), ours_m.makefile("rw"), []
        self.monitor.readline()
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        print(json.dumps({"execute": command, "arguments": arguments}), file=self.monitor, flush=True)
        while "return" not in (answer := json.loads(self.monitor.readline())):
            if "error" in answer:
                raise SystemExit(f"{command}: {answer['error']}")
            self.events.append(answer["event"])
        return answer["return"]

    def say(self, text):
        print(text, file=self.bus, flush=True)
        while not (line := self.bus.readline()).startswith("OK"):
            pass
        return int((line.split() + ["0"])[1], 0)

    def config(self, slot, offset, value=None):
        """Read a register of 32 bits of a PCI device's configuration, or write it."""
        self.say(f"outl 0xcf8 {1 << 31 | slot << 11 | offset:#x}")
        return self.say("inl 0xcfc" if value is None else f"outl 0xcfc {value:#x}")



INTX = 1 << 19
machine = Machine("-device", "i6300esb,addr=4", "-action", "watchdog=none")
machine.config(4, 0x10, BAR)
machine.config(4, 0x04, 0x6)
for counter in (0x0, 0x4):
    # a counter is written behind two magic values
    for offset, value in ((0xC, 0x80), (0xC, 0x86)):
        machine.say(f"writew {BAR + offset:#x} {value:#x}")
    machine.say(f"writel {BAR + counter:#x} 0x40")
# interrupts of the first stage by INTx, 1 kHz; then enabled
for text in (f"outl 0xcf8 {1 << 31 | 4 << 11 | 0x60:#x}", "outw 0xcfc 0", f"outl 0xcf8 {1 << 31 | 4 << 11 | 0x68:#x}", "outb 0xcfc 2"):
    machine.say(text)
signs, fired, ns = set(), 0, 0
while not fired and ns < 1e9:
    ns = machine.say("clock_step 1000000")
    machine.execute("query-status")
    signs |= {("INTx", bool(machine.config(4, 4) & INTX)), ("interrupt status", machine.say(f"readl {BAR + 8:#x}"))}
    fired = round(ns / 1e6) if "WATCHDOG" in machine.events else 0
print(f"first stage: 0x40 ticks; both: WATCHDOG after {fired} ms; events {machine.events}; seen until then: {sorted(signs)}")
machine.process.kill()
said = machine.process.stderr.read().strip()
print("standard error:", said)
as_described = (
    signs == {("INTx", False), ("interrupt status", 0)} and set(machine.events) == {"WATCHDOG"} and 100 < fired < 200
    and [line for line in said.splitlines() if "i6300esb" in line] == said.splitlines()[-1:])
sys.exit(0 if as_described else "changed: no longer as described")
END
