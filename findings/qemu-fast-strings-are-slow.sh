#!/bin/sh
# QEMU's -cpu max says that an x86 CPU has fast string instructions (ERMS, FSRM, FSRS), and emulates each of their
# bytes as a store of its own. Who asks CPUID, as Linux does for memset, memcpy and pages to clear, then takes the
# slowest way: `rep stosb` fills memory at a quarter of the speed of `rep stosq` or less, which is the same instruction
# with eight bytes at a time. Named models say so too (Haswell: ERMS).
#
# Debian's qemu-user 1:11.1.3+ds-1~bpo13+1. No guest runs: three programs of some 60 bytes are emulated.
#
# What it means here: machines of x86_64 have the three features off (docs/decisions/0050), so Linux uses its loops.
# A boot takes 0.8 of its time, a driver that comes and goes 0.7.
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-user=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 - "$dir/root" "$dir" <<'END'
import os, resource, struct, subprocess, sys

root, scratch = sys.argv[1:]
# it is a static program
qemu = [f"{root}/usr/bin/qemu-x86_64"]
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
BASE, BUFFER, SIZE, TIMES = 0x400000, 0x500000, 1 << 16, 400


def program(name, code):
    """Write a static program of one segment that holds code and buffer."""
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, BASE + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    size = 120 + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 7, 0, BASE, BASE, size, BUFFER + SIZE - BASE, 4096)
    path = f"{scratch}/{name}"
    with open(path, "wb") as file:
        file.write(header + segment + code)
    os.chmod(path, 0o755)
    return path


def fill(name, instruction, count):
    # mov ebx,TIMES; again: mov edi,BUFFER; mov ecx,count; rep stos; dec ebx; jnz again; exit(0)
    loop = b"\xbf" + struct.pack("<I", BUFFER) + b"\xb9" + struct.pack("<I", count) + instruction + b"\xff\xcb"
    code = b"\xbb" + struct.pack("<I", TIMES) + loop
    return program(name, code + b"\x75" + struct.pack("b", -len(loop) - 2) + b"\x31\xff\xb8\x3c\0\0\0\x0f\x05")


def seconds(path):
    """Return the least processor time of five runs."""
    found = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*qemu, "-cpu", "max", path], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(found)


def features(model):
    # cpuid(7, 0): EBX bit 9 is ERMS, EDX bit 4 FSRM; cpuid(7, 1): EAX bit 11 is FSRS; exit(them)
    code = bytes.fromhex(
        "31c9b8070000000fa2c1eb0983e301c1ea0383e20209d389de"  # esi: ERMS and FSRM
        "b901000000b8070000000fa2c1e80983e00409c689f7b83c0000000f05")
    status = subprocess.run([*qemu, "-cpu", model, program("features", code)], stderr=subprocess.DEVNULL).returncode
    return [name for bit, name in ((1, "ERMS"), (2, "FSRM"), (4, "FSRS")) if status & bit]


nothing = seconds(fill("nothing", b"\x90\x90", 1))
slow = seconds(fill("bytes", b"\xf3\xaa", SIZE)) - nothing
fast = seconds(fill("words", b"\xf3\x48\xab", SIZE // 8)) - nothing
print(f"{SIZE * TIMES >> 20} MiB: rep stosb {slow:.3f} s, rep stosq {fast:.3f} s, ratio {slow / fast:.1f}")
said = {model: features(model) for model in ("max", "Haswell", "max,erms=off,fsrm=off,fsrs=off")}
print(said)
as_described = slow > 4 * fast and list(said.values()) == [["ERMS", "FSRM", "FSRS"], ["ERMS"], []]
sys.exit(0 if as_described else "changed: no longer as described")
END
