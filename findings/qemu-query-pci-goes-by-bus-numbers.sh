#!/bin/sh
# query-pci of QMP does not list the devices that a machine has. Behind a bridge it lists the bus whose number the guest wrote
# into the bridge. With edu behind one port and pci-testdev behind another it shows
#
#   before the guest has numbered the buses   neither; device_add of a third succeeds, and query-pci does not show it
#   1 in both ports                           pci-testdev twice, edu not at all
#   1 and 2                                   both, each behind its port
#
# system_reset clears the numbers, so the list is short again until the next kernel has set them. qom-list of /machine/peripheral
# always has all devices.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1. No guest runs: the numbers are written by qtest.
#
# What it means here: the harness asks for it only when the guest's kernel has numbered its buses (harness/forks/hide.py), and waits for the
# guest's own list when it plugs a device in (harness/machine/hotplug.py).
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



PORTS = 5, 6, 7
options = [f"pcie-root-port,id=port{slot},slot={slot},chassis={slot},addr={slot}" for slot in PORTS] + ["edu,bus=port5,id=one", "pci-testdev,bus=port6,id=two"]
machine = Machine(*(word for option in options for word in ("-device", option)))


def listed(*numbers):
    """Return what query-pci has behind each port once these are their buses."""
    for slot, number in zip(PORTS, numbers):
        machine.config(slot, 0x18, number << 8 | number << 16)
    devices = {each["qdev_id"]: each for each in machine.execute("query-pci")[0]["devices"]}
    found = {f"port{slot}": [each["qdev_id"] for each in devices[f"port{slot}"]["pci_bridge"].get("devices", ())] for slot in PORTS}
    print(f"buses {numbers}: {found}")
    return list(found.values())


machine.execute("device_add", driver="edu", bus="port7", id="three")
seen = [listed(0, 0, 0), listed(1, 1, 0), listed(1, 2, 3)]
machine.execute("system_reset")
while "RESET" not in machine.events:
    machine.execute("query-status")
seen.append(listed())
peripheral = sorted(each["name"] for each in machine.execute("qom-list", path="/machine/peripheral") if each["type"].startswith("child<"))
print("/machine/peripheral:", *peripheral)
machine.process.kill()
none = [[], [], []]
as_described = seen == [none, [["two"], ["two"], []], [["one"], ["two"], ["three"]], none] and {"one", "two", "three"} <= set(peripheral)
sys.exit(0 if as_described else "changed: no longer as described")
END
