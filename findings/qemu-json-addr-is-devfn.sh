#!/bin/sh
# A PCI device's "addr" is the number of its slot where it is a word, and hexadecimal: -device edu,addr=16 is slot 0x16.
# In the JSON of -device and device_add a number is taken too, and is something else: slot times 8 plus function.
#
#   -device edu,addr=16                     slot 0x16
#   -device '{"driver":"edu","addr":"16"}'  slot 0x16
#   -device '{"driver":"edu","addr":16}'    slot 2
#   -device '{"driver":"edu","addr":3}'     refused: function 0.3
#
# What QEMU says of its properties has neither: addr is a "str", "example: 06.0 or 06".
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1. No guest runs.
#
# What it means here: docs/writing-tests.md says to write addresses as words.
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
import json, os, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
COMMANDS = (
    {"execute": "qmp_capabilities"},
    {"execute": "query-pci"},
    {"execute": "device-list-properties", "arguments": {"typename": "edu"}},
    {"execute": "quit"},
)


def place(device):
    """Return slot and function of the device, or QEMU's reason against it; and what type it says "addr" has."""
    done = subprocess.run(
        [*qemu, "-machine", "q35,accel=qtest", "-display", "none", "-nodefaults", "-qtest", "null", "-qmp", "stdio", "-device", device],
        input="".join(json.dumps(command) + "\n" for command in COMMANDS), capture_output=True, text=True)
    answers = [json.loads(line).get("return") for line in done.stdout.splitlines()]
    answers = [answer for answer in answers if isinstance(answer, list)]
    if len(answers) < 2:
        found, kind = done.stderr.strip().splitlines()[-1].partition("PCI: ")[2], ""
    else:
        found = next((each["slot"], each["function"]) for each in answers[0][0]["devices"] if each["id"]["device"] == 0x11E8)
        kind = next(each["type"] for each in answers[1] if each["name"] == "addr")
    print(f"{device:36} {found} {kind}")
    return found, kind


as_described = (
    place("edu,addr=16") == place('{"driver":"edu","addr":"16"}') == ((0x16, 0), "str")
    and place('{"driver":"edu","addr":16}') == ((2, 0), "str")
    and "function 0.3" in place('{"driver":"edu","addr":3}')[0]
)
sys.exit(0 if as_described else "changed: no longer as described")
END
