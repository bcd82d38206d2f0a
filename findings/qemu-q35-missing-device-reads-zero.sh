#!/bin/sh
# A PC returns all-ones when it reads PCI memory that no device answers for, and drivers use that to notice that their device
# is gone: readl() == ~0. QEMU's answer depends on the machine. On q35 and pc such memory reads as 0: an address without a
# BAR, and also a BAR whose memory decoding is off. On arm64's virt both read as all-ones. Configuration space is the same on
# all of them: the ids of an empty slot are 0xffffffff.
#
# Debian's qemu-system-x86 and qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs: all values are read by qtest.
#
# What it means here: docs/writing-tests.md, "Devices"; the fault `gone` of a device in Python is all-ones everywhere.
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-x86=$version,qemu-system-arm=$version,qemu-system-common=$version,qemu-system-data=$version,seabios/trixie-backports" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 - "$dir/root" <<'END'
import atexit, os, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
SLOT, EMPTY = 5, 9


def run_qemu(arch, *arguments, **streams):
    command = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-{arch}", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
    qemu = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True, **streams)
    atexit.register(qemu.kill)
    return qemu


def seen(arch, machine, ecam, memory):
    """Return what is read: a register, where no BAR is, the register with memory off, the ids of an empty slot."""
    qemu = run_qemu(arch, "-machine", f"{machine},accel=qtest", "-display", "none", "-nodefaults", "-device", f"edu,addr={SLOT}",
                    "-qtest", "stdio", "-qtest-log", "none", stdin=subprocess.PIPE)

    def say(text):
        print(text, file=qemu.stdin, flush=True)
        while not (line := qemu.stdout.readline()).startswith("OK"):
            pass
        return int((line.split() + ["0"])[1], 0)

    def config(slot, offset, value=None):
        verb, tail = ("read", "") if value is None else ("write", f" {value:#x}")
        if ecam:
            return say(f"{verb}l {ecam + (slot << 15) + offset:#x}{tail}")
        say(f"outl 0xcf8 {1 << 31 | slot << 11 | offset:#x}")
        return say(("inl" if value is None else "outl") + f" 0xcfc{tail}")

    config(SLOT, 0x10, memory)
    config(SLOT, 0x04, 0x2)
    found = [say(f"readl {memory:#x}"), say(f"readl {memory + 0x800000:#x}")]
    config(SLOT, 0x04, 0)
    found += [say(f"readl {memory:#x}"), config(EMPTY, 0)]
    qemu.kill()
    print(f"{machine:22} register {found[0]:#x}, no BAR {found[1]:#x}, memory off {found[2]:#x}, empty slot {found[3]:#x}")
    return found


print(run_qemu("x86_64", "--version").communicate()[0].splitlines()[0])
EDU, ONES = 0x010000ED, 0xFFFFFFFF
as_described = (
    seen("x86_64", "q35", 0, 0xFE000000) == seen("x86_64", "pc", 0, 0xFE000000) == [EDU, 0, 0, ONES]
    and seen("aarch64", "virt,highmem-ecam=off", 0x3F000000, 0x10000000) == [EDU, ONES, ONES, ONES]
)
sys.exit(0 if as_described else "changed: no longer as described")
END
