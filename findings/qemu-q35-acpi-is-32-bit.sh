#!/bin/sh
# An SSDT of revision 2 with an integer of 64 bits, compiled without a warning and given to QEMU's q35 by -acpitable,
# yields the lower 32 bits: 0x123456789abcdef0 is 0x9abcdef0. A table's own revision does not count. That of the DSDT
# does, for all tables (ACPI 6.5, 5.2.11.1), and the DSDT that QEMU makes for q35 has revision 1. With that one byte
# made a 2 the number is whole.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1 and acpica-tools 20250404-1. No guest runs: the tables come by fw_cfg,
# and ACPICA's acpiexec evaluates, with the interpreter that Linux has.
#
# What it means here: a PlatformDevice with such a property is skipped on x86_64 (harness/machine/platformdevice.py);
# docs/writing-tests.md warns who writes tables.
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-x86=$version,qemu-system-common=$version,qemu-system-data=$version,seabios/trixie-backports,acpica-tools=20250404-1" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 - "$dir" <<'END'
import atexit, os, subprocess, sys

work = sys.argv[1]
root = f"{work}/root"
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"


def run(program, *arguments):
    command = [loader, "--library-path", lib, f"{root}/usr/bin/{program}", *arguments]
    return subprocess.run(command, check=True, text=True, cwd=work, capture_output=True).stdout


def read_tables():
    """Return the ACPI tables of QEMU's q35 with our SSDT among them, as its firmware gets them."""
    qemu = subprocess.Popen(
        [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios",
         "-machine", "q35,accel=qtest", "-display", "none", "-nodefaults", "-acpitable", f"file={work}/ssdt.aml", "-qtest", "stdio", "-qtest-log", "none"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(qemu.kill)

    def say(text):
        print(text, file=qemu.stdin, flush=True)
        while not (line := qemu.stdout.readline()).startswith("OK"):
            pass
        return int((line.split() + ["0"])[1], 0)

    def read_file(key, size):
        say(f"outw 0x510 {key}")
        return bytes(say("inb 0x511") for _ in range(size))

    directory = read_file(0x19, 4 + 64 * 32)
    entry = next(directory[at : at + 64] for at in range(4, len(directory), 64) if directory[at + 8 :].startswith(b"etc/acpi/tables\0"))
    found = read_file(int.from_bytes(entry[4:6], "big"), 0x8000)
    qemu.kill()
    return found


def evaluated(name, table, revision):
    table = table[:8] + bytes([revision, 0]) + table[10:]
    with open(f"{work}/{name}", "wb") as file:
        # the sum of all bytes is 0; QEMU leaves that to the firmware
        file.write(table[:9] + bytes([-sum(table) % 256]) + table[10:])
    said = run("acpiexec", "-b", "evaluate BIG", name, "ssdt.aml")
    value = next(line.split("=")[1].strip() for line in said.splitlines() if "[Integer]" in line)
    print(f"revision of the DSDT {revision}: BIG is {value}")
    return value


with open(f"{work}/ssdt.asl", "w") as file:
    file.write('DefinitionBlock ("", "SSDT", 2, "PROBE", "PROBE", 1) { Name (BIG, 0x123456789ABCDEF0) }\n')
compiled = run("iasl", "-p", "ssdt", "ssdt.asl")
print(run("qemu-system-x86_64", "--version").splitlines()[0], compiled.splitlines()[2], compiled.splitlines()[-1], sep="\n")
tables = read_tables()
with open(f"{work}/ssdt.aml", "rb") as file:
    passed_on = file.read()[36:] in tables
at = tables.index(b"DSDT")
own = tables[at : at + int.from_bytes(tables[at + 4 : at + 8], "little")]
as_described = (
    "0 Warnings" in compiled and passed_on and own[8] == 1
    and evaluated("q35.aml", own, 1) == "000000009ABCDEF0" and evaluated("changed.aml", own, 2) == "123456789ABCDEF0"
)
sys.exit(0 if as_described else "changed: no longer as described")
END
