#!/bin/sh
# The temperature of QEMU's sensors is set by qom-set, in thousandths of a degree. That QEMU reports no error does not mean
# that the sensor has the value. emc1413 accepts -5 degrees and then has 251; after -55 it has 201. It keeps whole degrees
# only: 25.5 becomes 25. tmp421 is a little beside: 25 becomes 24.996, and -5 becomes -4.999.
# tmp105 keeps 25, 25.5, -5 and -55 as they are set.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs: values are set and read by QMP.
#
# What it means here: a test that sets a temperature reads it back first, or has its sensor in Python (docs/devices.md,
# "An I2C chip").
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-arm=$version,qemu-system-common=$version,qemu-system-data=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 - "$dir/root" <<'END'
import atexit, json, os, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-arm", "-L", f"{root}/usr/share/qemu"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
machine = subprocess.Popen(
    [*qemu, "-machine", "versatilepb,accel=qtest,audiodev=none", "-audiodev", "none,id=none", "-display", "none", "-nodefaults", "-qtest", "null", "-qmp", "stdio",
     "-device", "tmp105,bus=i2c,address=0x48,id=tmp105", "-device", "emc1413,bus=i2c,address=0x4c,id=emc1413",
     "-device", "tmp421,bus=i2c,address=0x4d,id=tmp421"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
atexit.register(machine.kill)
machine.stdout.readline()


def execute(command, **arguments):
    print(json.dumps({"execute": command, "arguments": arguments}), file=machine.stdin, flush=True)
    answer = json.loads(machine.stdout.readline())
    return answer["return"] if "return" in answer else answer["error"]["desc"]


def settings(chip, temperature, *wanted):
    """Return what the chip has after each temperature was set, or QEMU's reason against it."""
    where = {"path": f"/machine/peripheral/{chip}", "property": temperature}
    found = []
    for value in wanted:
        refused = execute("qom-set", value=value, **where)
        found.append(refused or execute("qom-get", **where))
        print(f"{chip}: {value} -> {found[-1]}")
    return found


execute("qmp_capabilities")
as_described = (
    settings("tmp105", "temperature", 25000, 25500, -5000, -55000) == [25000, 25500, -5000, -55000]
    and settings("emc1413", "temperature0", 25000, 25500, -5000, -55000) == [25000, 25000, 251000, 201000]
    and settings("tmp421", "temperature0", 25000, 25500, -5000, -55000) == [24996, 25496, -4999, "value -55.000 C is out of range"]
)
machine.kill()
sys.exit(0 if as_described else "changed: no longer as described")
END
