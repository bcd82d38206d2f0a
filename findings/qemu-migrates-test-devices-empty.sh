#!/bin/sh
# QEMU's pci-testdev and edu can be migrated: `migrate` completes, the other side accepts the stream. Yet
# neither side is told that nothing of the device is in it: afterwards its command register and its BARs
# are zero, while those of e1000e, saved by the same command, are as before.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1. No guest runs: registers are read and written by qtest.
#
# What it means here: a driver's device that is present when a machine is saved comes back switched off, so
# the guest's kernel must let go of such devices first (harness/forks/hide.py).
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
python3 - "$dir/root" "$dir/state" <<'END'
import atexit, json, os, socket, subprocess, sys, time

root, state = sys.argv[1:]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
qemu = [f"{root}/lib64/ld-linux-x86-64.so.2", "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64",
        "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
if not os.path.exists(qemu[0]):
    qemu[0] = f"{root}/usr/lib64/ld-linux-x86-64.so.2"
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])


class Machine:
    def __init__(self, device, *more):
        (ours_q, theirs_q), (ours_m, theirs_m) = socket.socketpair(), socket.socketpair()
        fds = theirs_q.fileno(), theirs_m.fileno()
        self.process = subprocess.Popen(
            [*qemu, "-machine", "q35,accel=qtest", "-display", "none", "-nodefaults", "-device", f"{device},addr=5",
             "-chardev", f"socket,id=q,fd={fds[0]}", "-qtest", "chardev:q", "-qtest-log", "none",
             "-chardev", f"socket,id=m,fd={fds[1]}", "-mon", "chardev=m,mode=control", *more],
            pass_fds=fds, stderr=subprocess.DEVNULL)
        atexit.register(self.process.kill)
        theirs_q.close(), theirs_m.close()
        self.bus, self.monitor = ours_q.makefile("rw"), ours_m.makefile("rw")
        self.monitor.readline()
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        print(json.dumps({"execute": command, "arguments": arguments}), file=self.monitor, flush=True)
        while "return" not in (answer := json.loads(self.monitor.readline())):
            if "error" in answer:
                raise SystemExit(f"{command}: {answer['error']}")
        return answer["return"]

    def say(self, text):
        print(text, file=self.bus, flush=True)
        while not (line := self.bus.readline()).startswith("OK"):
            pass
        return int((line.split() + ["0"])[1], 0)

    def config(self, offset, value=None):
        self.say(f"outl 0xcf8 {1 << 31 | 5 << 11 | offset:#x}")
        return self.say("inl 0xcfc" if value is None else f"outl 0xcfc {value:#x}")

    def migrated(self):
        while (status := self.execute("query-migrate").get("status")) not in ("completed", "failed"):
            time.sleep(0.05)
        return status

    def quit(self):
        self.execute("quit")
        self.process.wait()


def moved(device):
    """Return command register and BAR 0 before and after, and what both sides say of the migration."""
    with open(state, "wb"):
        pass
    one = Machine(device)
    one.config(0x10, 0xFE000000)
    one.config(0x04, 0x6)
    before = one.config(0x04) & 0xFFFF, one.config(0x10) & ~0xF
    one.execute("stop")
    one.execute("migrate", uri=f"file:{state}")
    sent = one.migrated()
    one.quit()
    other = Machine(device, "-incoming", "defer")
    other.execute("migrate-incoming", uri=f"file:{state}")
    received = other.migrated()
    after = other.config(0x04) & 0xFFFF, other.config(0x10) & ~0xF
    other.quit()
    print(f"{device:12} command {before[0]:#x} -> {after[0]:#x}, BAR 0 {before[1]:#x} -> {after[1]:#x}; {sent}, {received}")
    return before, after, sent, received


good = (6, 0xFE000000)
as_described = (
    moved("pci-testdev") == moved("edu") == (good, (0, 0), "completed", "completed")
    and moved("e1000e") == (good, good, "completed", "completed")
)
sys.exit(0 if as_described else "changed: no longer as described")
END
