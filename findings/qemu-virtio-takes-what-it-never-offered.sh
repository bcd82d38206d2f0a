#!/bin/sh
# A virtio driver chooses from the features that the device offers, and takes its steps in order (VIRTIO 1.3, 3.1.1). A device can
# refuse the driver's choice: it leaves FEATURES_OK unset. QEMU's virtio-rng sets it, and serves a request, when a driver
#
#   accepts all 64 features, of which 4 were offered     and it reads all 64 back as accepted
#   accepts none, not even VERSION_1
#   never sets FEATURES_OK, or sets DRIVER_OK alone      status 7, or 4
#   makes a split queue of 5, which is no power of two
#   enables its queue after DRIVER_OK
#
# It serves no request before DRIVER_OK, from a queue that was not enabled, or without bus mastering. A test with QEMU finds only these
# three mistakes.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1, virtio-rng-pci. No guest runs: the steps are qtest's.
#
# What it means here: a test of a driver's steps needs a device in Python, which has a trace (docs/devices.md, "QEMU's own PCI devices").
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
import json, os, socket, struct, subprocess, sys, time

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



SLOT, DESCRIPTORS, AVAILABLE, USED, BUFFER = 4, 0x100000, 0x101000, 0x102000, 0x103000
ALL, NONE, RIGHT = (2**32 - 1, 2**32 - 1), (0, 0), (0, 1)


def requested(features=RIGHT, steps="1 3 F 11 Q 15", size=8, enabled=1, command=6):
    """Return the status at the end, the features as accepted, and whether a request was served.

    Steps are values of the status; F accepts features, Q makes the queue.
    """
    machine = Machine("-object", "rng-builtin,id=rng", "-device", f"virtio-rng-pci,disable-legacy=on,rng=rng,addr={SLOT}")
    machine.config(SLOT, 0x20, BAR)
    machine.config(SLOT, 0x24, 0)
    machine.config(SLOT, 0x04, command)

    def write(offset, value, width):
        machine.say(f"write{width} {BAR + offset:#x} {value:#x}")

    offered = 0
    for half in (0, 1):
        write(0x00, half, "l")
        offered += machine.say(f"readl {BAR + 0x04:#x}").bit_count()
    for step in steps.split():
        if step == "F":
            for half in (0, 1):
                write(0x08, half, "l"), write(0x0C, features[half], "l")
        elif step == "Q":
            write(0x16, 0, "w"), write(0x18, size, "w")
            for offset, address in ((0x20, DESCRIPTORS), (0x28, AVAILABLE), (0x30, USED)):
                write(offset, address, "l"), write(offset + 4, 0, "l")
            if enabled:
                write(0x1C, 1, "w")
        else:
            write(0x14, int(step), "b")
    # a buffer of 16 bytes that the device writes to
    machine.say(f"write {DESCRIPTORS:#x} 0x10 0x{struct.pack('<QIHH', BUFFER, 16, 2, 0).hex()}")
    machine.say(f"write {AVAILABLE:#x} 0x6 0x{struct.pack('<HHH', 0, 1, 0).hex()}")
    write(0x3000, 0, "w")
    accepted = 0
    for half in (0, 1):
        write(0x08, half, "l")
        accepted += machine.say(f"readl {BAR + 0x0C:#x}").bit_count()
    status = machine.say(f"readb {BAR + 0x14:#x}")
    for _ in range(20):
        if served := machine.say(f"readw {USED + 2:#x}"):
            break
        time.sleep(0.05)
    machine.process.kill()
    machine.process.wait()
    return offered, accepted, status, bool(served)


seen = {
    "as it should be": (requested(), (4, 1, 15, True)),
    "all features": (requested(ALL), (4, 64, 15, True)),
    "no feature": (requested(NONE), (4, 0, 15, True)),
    "no FEATURES_OK": (requested(steps="1 3 F Q 7"), (4, 1, 7, True)),
    "DRIVER_OK alone": (requested(steps="Q 4"), (4, 0, 4, True)),
    "a queue of 5": (requested(size=5), (4, 1, 15, True)),
    "the queue after DRIVER_OK": (requested(steps="1 3 F 11 15 Q"), (4, 1, 15, True)),
    "no DRIVER_OK": (requested(steps="1 3 F 11 Q"), (4, 1, 11, False)),
    "the queue not enabled": (requested(enabled=0), (4, 1, 15, False)),
    "no bus master": (requested(command=2), (4, 1, 15, False)),
}
for what, (found, _) in seen.items():
    print(f"{what}: {found[0]} features offered, {found[1]} accepted, status {found[2]}, served {found[3]}")
sys.exit(0 if all(found == wanted for found, wanted in seen.values()) else "changed: no longer as described")
END
