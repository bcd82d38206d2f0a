#!/bin/sh
# Registers of a PCI device have one byte order, which is the device's. Those of QEMU's edu have that of the emulator: in qemu-system-ppc64 they
# are big-endian, also for Linux' powerpc64le, which is a little-endian guest of it. nvme has the same bytes in both.
#
#                                            qemu-system-x86_64       qemu-system-ppc64
#   edu, identification 0x010000ed           ed 00 00 01              01 00 00 ed
#   edu, 05 00 00 00 written to factorial    78 00 00 00, 120 = 5!    00 00 00 00, as 2^32 divides 83886080!
#   nvme, its first 8 bytes                  ff 07 ...                the same
#
# Debian's QEMU 1:11.1.3+ds-1~bpo13+1. No guest runs: registers are read and written as bytes by qtest.
#
# What it means here: a driver of edu that is right by its data sheet finds no number that it knows on powerpc64le, so edu is a device that
# architecture lacks, with the reason (harness/arch.py); the edu in Python has one order.
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-x86=$version,qemu-system-ppc=$version,qemu-system-common=$version,qemu-system-data=$version,seabios/trixie-backports" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 - "$dir/root" <<'END'
import atexit, os, socket, struct, subprocess, sys, time

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
EDU, NVME, BAR = 4, 5, 0xE0000000


class Machine:
    """A machine without a guest; `window` is where its processor sees the PCI bus's memory."""

    def __init__(self, target, board, window):
        qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-{target}", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
        print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(
            [*qemu, "-machine", f"{board},accel=qtest", "-display", "none", "-nodefaults", "-device", f"edu,addr={EDU}", "-device", f"nvme,serial=x,addr={NVME}",
             "-chardev", f"socket,id=q,fd={theirs.fileno()}", "-qtest", "chardev:q", "-qtest-log", "none"], pass_fds=[theirs.fileno()])
        atexit.register(process.kill)
        theirs.close()
        self.bus, self.window, self.is_pseries = ours.makefile("rw"), window, board == "pseries"
        for slot, address in ((EDU, BAR), (NVME, BAR + 0x100000)):
            self.config(slot, 0x10, address)
            self.config(slot, 0x04, 0x2)

    def say(self, text):
        print(text, file=self.bus, flush=True)
        while not (line := self.bus.readline()).startswith("OK"):
            if not line:
                raise SystemExit("QEMU has ended")
        return line[2:].strip()

    def config(self, slot, offset, value):
        """Write 32 bits of a PCI device's configuration: by ports, or by a call of pseries' firmware."""
        if self.is_pseries:
            words = struct.pack(">5I", slot << 11 | offset, 0x8000000, 0x20000000, 4, value)
            self.say(f"write 0x100000 20 0x{words.hex()}")
            self.say("rtas ibm,write-pci-config 5 0x100000 1 0x100100")
        else:
            self.say(f"outl 0xcf8 {1 << 31 | slot << 11 | offset:#x}")
            self.say(f"outl 0xcfc {value:#x}")

    def read(self, offset, number):
        return self.say(f"read {self.window + BAR + offset:#x} {number}").removeprefix("0x")

    def seen(self):
        """Return edu's identification, the factorial of what 05 00 00 00 is, and the first bytes of nvme."""
        self.say(f"write {self.window + BAR + 8:#x} 4 0x05000000")
        factorial, ends = self.read(8, 4), time.monotonic() + 10
        while factorial == "05000000" and time.monotonic() < ends:
            factorial = self.read(8, 4)
        return self.read(0, 4), factorial, self.read(0x100000, 8)


little = Machine("x86_64", "q35", 0).seen()
big = Machine("ppc64", "pseries", 0x200000000000).seen()
print("x86_64:", *little)
print("ppc64: ", *big)
as_described = little[:2] == ("ed000001", "78000000") and big[:2] == ("010000ed", "00000000") and little[2] == big[2] and little[2].startswith("ff07")
sys.exit(0 if as_described else "changed: no longer as described")
END
