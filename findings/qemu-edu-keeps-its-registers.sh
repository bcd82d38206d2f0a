#!/bin/sh
# system_reset returns PCI devices to their state at power-on. QEMU's edu resets its configuration space only:
#
#   BAR and command register      0
#   INTx, in the PCI status       not asserted
#   liveness, factorial, status   as the driver left them; interrupts are still enabled
#   interrupt status              keeps its reasons, which do not assert INTx
#   a DMA in progress             continues, and writes to memory if the next kernel has made the device bus master by then
#
# nvme in the same machine is reset completely.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1. No guest runs: registers are read and written by qtest.
#
# What it means here: the edu in Python resets its registers and ends its DMA (docs/devices.md, "QEMU's own PCI devices").
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
             "-chardev", f"socket,id=m,fd={fds[1]}", "-mon", "chardev=m,mode=control"], pass_fds=fds, stderr=subprocess.DEVNULL)
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


EDU, NVME, INTX = 4, 5, 1 << 19
machine = Machine("-device", f"edu,addr={EDU}", "-device", f"nvme,serial=x,addr={NVME}")


def enable(slot, address):
    machine.config(slot, 0x10, address)
    machine.config(slot, 0x04, 0x6)


def write(offset, value, width="l"):
    machine.say(f"write{width} {BAR + offset:#x} {value:#x}")


def registers():
    """Return liveness, factorial, status and interrupt status."""
    return tuple(f"{machine.say(f'readl {BAR + offset:#x}'):#x}" for offset in (4, 8, 0x20, 0x24))


enable(EDU, BAR), enable(NVME, BAR + 0x100000)
write(0x04, 0x55), write(0x20, 0x80), write(0x08, 5), write(0x60, 0x7)
while machine.say(f"readl {BAR + 0x20:#x}") & 1:
    pass
# 8 bytes of the device's buffer, which are 0, to memory, 100 ms from now
for offset, value in ((0x80, 0x40000), (0x88, 0x100000), (0x90, 8), (0x98, 3)):
    write(offset, value, "q")
machine.say(f"write 0x100000 0x10 0x{'ff' * 16}")
machine.say(f"writel {BAR + 0x100014:#x} 0x460000")
before = registers(), bool(machine.config(EDU, 4) & INTX), f"{machine.say(f'readl {BAR + 0x100014:#x}'):#x}"
machine.execute("system_reset")
while "RESET" not in machine.events:
    machine.execute("query-status")
command, bar = machine.config(EDU, 4), machine.config(EDU, 0x10)
enable(EDU, BAR), enable(NVME, BAR + 0x100000)
after = registers(), bool(machine.config(EDU, 4) & INTX), f"{machine.say(f'readl {BAR + 0x100014:#x}'):#x}"
machine.say("clock_step 200000000")
memory = [f"{machine.say(f'readq {address:#x}'):#x}" for address in (0x100000, 0x100008)]
print("liveness, factorial, status, interrupts; INTx; nvme's CC:", before)
print("after a reset:", after, f"command {command & 0xffff:#x}, BAR {bar:#x}")
print("memory, and the 8 bytes behind it, after the time of a transfer:", *memory)
machine.process.kill()
kept = ("0xffffffaa", "0x78", "0x80", "0x7")
as_described = (before, after, command & 0xFFFF, bar, memory) == ((kept, True, "0x460000"), (kept, False, "0x0"), 0, 0, ["0x0", f"{2**64 - 1:#x}"])
sys.exit(0 if as_described else "changed: no longer as described")
END
