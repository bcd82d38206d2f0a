#!/bin/sh
# The clock of QEMU's riscv64 machine `virt` is a Goldfish RTC. Whoever restores the machine, from a file or on another host, gets one whose
# alarm was set once more:
#
#                                       before    restored
#   no alarm was ever set, ENABLED 1    silent    interrupt at once
#   an alarm in an hour, then cancelled
#     (CLEAR_ALARM), ALARM_STATUS       0         1: it will ring
#
# The same numbers, read before and after, are those of a clock that goes on. The alarm also knows nothing of a time that is set: with an alarm in
# one hour and the time set to two hours later, there is no interrupt, and ALARM_STATUS stays 1.
#
# Debian's qemu-system-riscv 1:11.1.3+ds-1~bpo13+1. No guest runs: registers are written by qtest.
#
# What it means here: a test on a fork or a restored machine of riscv64 gets one interrupt of this clock that a machine that booted does not;
# Linux' own driver acknowledges it (docs/devices.md, "Clocks, watchdogs and lines of QEMU's machines").
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-riscv=$version,qemu-system-common=$version,qemu-system-data=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main" || exit 2
python3 - "$dir/root" "$dir/saved" <<'END'
import atexit, json, os, socket, subprocess, sys, time

root, saved = sys.argv[1:]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-riscv64", "-L", f"{root}/usr/share/qemu"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
CLOCK, PENDING, LINE = 0x101000, 0xC001000, 11
TIME, ALARM, ENABLED, CLEAR_ALARM, ALARM_STATUS = 0x00, 0x08, 0x10, 0x14, 0x18
HOUR = 3600 * 10**9


class Machine:
    def __init__(self, *options):
        (bus, theirs_q), (monitor, theirs_m) = socket.socketpair(), socket.socketpair()
        fds = theirs_q.fileno(), theirs_m.fileno()
        self.process = subprocess.Popen(
            [*qemu, "-machine", "virt,accel=qtest", "-m", "32", "-bios", "none", "-display", "none", "-nodefaults", *options,
             "-chardev", f"socket,id=q,fd={fds[0]}", "-qtest", "chardev:q", "-qtest-log", "none",
             "-chardev", f"socket,id=m,fd={fds[1]}", "-mon", "chardev=m,mode=control"], pass_fds=fds, stderr=subprocess.DEVNULL)
        atexit.register(self.process.kill)
        theirs_q.close(), theirs_m.close()
        self.bus, self.monitor = bus.makefile("rw"), monitor.makefile("rw")
        self.monitor.readline()
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        print(json.dumps({"execute": command, "arguments": arguments}), file=self.monitor, flush=True)
        while "return" not in (answer := json.loads(self.monitor.readline())):
            if "error" in answer:
                raise SystemExit(f"{command}: {answer['error']}")
        return answer["return"]

    def moved(self):
        while (status := self.execute("query-migrate").get("status")) != "completed":
            if status == "failed":
                raise SystemExit("the machine was not moved")
            time.sleep(0.05)

    def restored(self):
        """Save this machine to a file; return one that goes on from there."""
        self.execute("stop")
        self.execute("migrate", uri=f"file:{saved}")
        self.moved()
        self.process.kill()
        self.process.wait()
        machine = Machine("-incoming", f"file:{saved}")
        machine.moved()
        machine.execute("cont")
        return machine

    def say(self, text):
        print(text, file=self.bus, flush=True)
        while not (line := self.bus.readline()).startswith("OK"):
            pass
        return int((line.split() + ["0"])[1], 0)

    def read(self, register):
        return self.say(f"readl {CLOCK + register:#x}")

    def write(self, register, value):
        self.say(f"writel {CLOCK + register:#x} {value:#x}")

    def time(self):
        low = self.read(TIME)
        return low | self.read(TIME + 4) << 32

    def write_pair(self, register, value):
        # the low half of an alarm sets it
        self.write(register + 4, value >> 32)
        self.write(register, value & 0xFFFFFFFF)

    def rings(self):
        return self.say(f"readl {PENDING:#x}") >> LINE & 1


seen = []


def note(what, value):
    print(f"{what}: {value}")
    seen.append(value)


machine = Machine()
machine.write(ENABLED, 1)
note("no alarm was set, enabled: interrupts", machine.rings())
machine.write(ENABLED, 0)
machine = machine.restored()
note("restored: interrupts, alarm running", (machine.rings(), machine.read(ALARM_STATUS)))
machine.write(ENABLED, 1)
note("enabled: interrupts", machine.rings())

machine = Machine()
machine.write_pair(ALARM, machine.time() + HOUR)
machine.write(CLEAR_ALARM, 1)
note("an alarm in an hour was set and cancelled: running", machine.read(ALARM_STATUS))
machine = machine.restored()
note("restored: running", machine.read(ALARM_STATUS))

machine = Machine()
machine.write(ENABLED, 1)
alarm = machine.time() + HOUR
machine.write_pair(ALARM, alarm)
machine.write_pair(TIME, alarm + HOUR)
time.sleep(0.5)
note("set to an hour after the alarm: behind it, running, interrupts", (machine.time() > alarm, machine.read(ALARM_STATUS), machine.rings()))
sys.exit(0 if seen == [0, (0, 0), 1, 0, 1, (True, 1, 0)] else "changed: no longer as described")
END
