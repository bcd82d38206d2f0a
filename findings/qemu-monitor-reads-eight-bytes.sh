#!/bin/sh
# In QEMU's monitor, `xp /2wx ADDRESS` shows two words of 32 bits. QEMU does not read two words: it reads the whole line of up to 16
# bytes in accesses as large as the device accepts, and cuts the answer into words. A device with registers of 32 bits may answer
# an access of 64 bits with something else. At the BAR of edu:
#
#   xp /1wx                   0x010000ed, its identification
#   xp /2wx                   0xffffffff 0xffffffff
#   xp /3wx                   0xffffffff 0xffffffff 0x00000000
#   xp /4bx, xp /2hx          0xed 0x00 0x00 0x01, 0x00ed 0x0100: one read of 32 bits
#   xp /1bx, xp /1hx          Cannot access memory
#   pmemsave of 8 bytes       all-ones
#   gdb, reading 8 bytes      all-ones; of 4 bytes, right. x/2wx is one packet of 8
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1. No guest runs; the device is given its BAR by qtest.
#
# What it means here: read registers one at a time (docs/reproducing.md, "gdb"), as a driver does.
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
python3 - "$dir/root" "$dir/gdb" "$dir/saved" <<'END'
import atexit, json, os, re, socket, subprocess, sys

root, gdb, saved = sys.argv[1:]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
BAR = 0xE0000000


class Machine:
    """A q35 that stands still: memory, ports and the clock by qtest, the rest by QMP."""

    def __init__(self, *devices):
        (ours_q, theirs_q), (ours_m, theirs_m) = socket.socketpair(), socket.socketpair()
        fds = theirs_q.fileno(), theirs_m.fileno()
        self.process = subprocess.Popen(
            [*qemu, "-machine", "q35,accel=tcg", "-S", "-display", "none", "-nodefaults", *devices,
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



machine = Machine("-device", "edu,addr=4", "-gdb", f"unix:{gdb},server=on,wait=off")
machine.config(4, 0x10, BAR)
machine.config(4, 0x04, 0x6)


def xp(what):
    text = machine.execute("human-monitor-command", **{"command-line": f"xp /{what} {BAR:#x}"})
    return text.strip().partition(": ")[2]


def save(size):
    machine.execute("pmemsave", val=BAR, size=size, filename=saved)
    with open(saved, "rb") as file:
        return file.read().hex()


def ask(stub, text):
    """Return gdbstub's answer to a packet."""
    stub.sendall(f"${text}#{sum(text.encode()) % 256:02x}".encode())
    answer = b""
    while not (found := re.search(rb"\$(.*)#..", answer)):
        answer += stub.recv(4096)
    stub.sendall(b"+")
    return found[1].decode()


seen = {f"xp /{what}": xp(what) for what in ("1wx", "2wx", "3wx", "4bx", "2hx", "1bx", "1hx")}
seen.update({f"pmemsave of {size}": save(size) for size in (4, 8)})
with socket.socket(socket.AF_UNIX) as stub:
    stub.connect(gdb)
    ask(stub, "Qqemu.PhyMemMode:1")
    seen.update({f"gdb m {size}": ask(stub, f"m{BAR:x},{size}") for size in (4, 8)})
for what, found in seen.items():
    print(f"{what}: {found}")
machine.process.kill()
as_described = list(seen.values()) == [
    "0x010000ed", "0xffffffff 0xffffffff", "0xffffffff 0xffffffff 0x00000000", "0xed 0x00 0x00 0x01", "0x00ed 0x0100",
    "Cannot access memory", "Cannot access memory", "ed000001", "ff" * 8, "ed000001", "ff" * 8]
sys.exit(0 if as_described else "changed: no longer as described")
END
