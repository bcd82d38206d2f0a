#!/bin/sh
# A sensor that is switched off measures nothing, and its driver has to start each measurement. Of QEMU's, tmp105 in shutdown
# mode (SD) and lsm303dlhc_mag in sleep mode, in which it also is after a reset, have each new value at once, so a driver
# that never starts anything passes its test.
#
# dps310 is the other way round: it says "ready" (MEAS_CFG 0xf0) before anything was asked of it, and no more when the driver
# has started to measure: MEAS_CFG is then the byte that was written, also 10 s later, and a driver that waits for
# PRS_RDY waits in vain. The product id, 0x10 at 0x0d of the real part, is 0xff.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs: a bus is driven bit by bit through qtest.
#
# What it means here: a driver's order of steps is better tested with a chip in Python, which has a trace
# (docs/devices.md, "QEMU's own chips").
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
import atexit, json, os, socket, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-arm", "-L", f"{root}/usr/share/qemu"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
BUS, SCL, SDA = 0x10002000, 1, 2
TMP105, MAGNETOMETER, DPS310 = 0x48, 0x1E, 0x76
near, far = socket.socketpair()
machine = subprocess.Popen(
    [*qemu, "-machine", "versatilepb,accel=qtest,audiodev=none", "-audiodev", "none,id=none", "-display", "none", "-nodefaults",
     "-device", f"tmp105,bus=i2c,address={TMP105},id=tmp105", "-device", f"lsm303dlhc_mag,bus=i2c,address={MAGNETOMETER},id=magnetometer",
     "-device", f"dps310,bus=i2c,address={DPS310}", "-chardev", f"socket,id=bus,fd={far.fileno()}", "-qtest", "chardev:bus",
     "-qtest-log", "none", "-qmp", "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[far.fileno()])
atexit.register(machine.kill)
far.close()
wire = near.makefile("rw")


def execute(command, **arguments):
    print(json.dumps({"execute": command, "arguments": arguments}), file=machine.stdin, flush=True)
    while "return" not in (answer := json.loads(machine.stdout.readline())):
        if "error" in answer:
            raise SystemExit(answer["error"])


def say(text):
    print(text, file=wire, flush=True)
    while not (line := wire.readline()).startswith("OK"):
        pass
    return int((line.split() + ["0"])[1], 0)


def pins(*levels):
    for pin, high in levels:
        say(f"writel {BUS + (0 if high else 4):#x} {pin}")


def begin(*sent):
    pins((SDA, 1), (SCL, 1), (SDA, 0), (SCL, 0))
    for byte in sent:
        for bit in f"{byte:08b}":
            pins((SDA, bit == "1"), (SCL, 1), (SCL, 0))
        pins((SDA, 1), (SCL, 1))
        if say(f"readl {BUS:#x}") & SDA:
            raise SystemExit("not acknowledged")
        pins((SCL, 0))


def write(chip, *sent):
    begin(chip << 1, *sent)
    pins((SDA, 0), (SCL, 1), (SDA, 1))


def read(chip, register, count):
    begin(chip << 1, register)
    begin(chip << 1 | 1)
    found = bytearray()
    for index in range(count):
        bits = ""
        for _ in range(8):
            pins((SDA, 1), (SCL, 1))
            bits += str(say(f"readl {BUS:#x}") >> 1 & 1)
            pins((SCL, 0))
        pins((SDA, index == count - 1), (SCL, 1), (SCL, 0))
        found.append(int(bits, 2))
    pins((SDA, 0), (SCL, 1), (SDA, 1))
    return found.hex()


def set_property(chip, name, value):
    execute("qom-set", path=f"/machine/peripheral/{chip}", property=name, value=value)


machine.stdout.readline()
execute("qmp_capabilities")
seen = {}
write(TMP105, 1, 0x01)
set_property("tmp105", "temperature", 40000)
seen["tmp105, configuration and temperature when 40 degrees are set"] = read(TMP105, 1, 1), read(TMP105, 0, 2)
before = read(MAGNETOMETER, 3, 2)
set_property("magnetometer", "mag-x", 10000)
seen["lsm303dlhc_mag, mode and x, before and when it is set"] = read(MAGNETOMETER, 2, 1), before, read(MAGNETOMETER, 3, 2)
seen["dps310, product id"] = read(DPS310, 0x0D, 1)
seen["dps310, MEAS_CFG when new"] = read(DPS310, 0x08, 1)
# background mode: pressure and temperature
write(DPS310, 0x08, 0x07)
at_once = read(DPS310, 0x08, 1)
say(f"clock_step {10 * 10**9}")
seen["dps310, MEAS_CFG when started, and 10 s later"] = at_once, read(DPS310, 0x08, 1)
machine.kill()
for what, found in seen.items():
    print(f"{what}: {found}")
as_described = list(seen.values()) == [("01", "2800"), ("03", "0000", "006e"), "ff", "f0", ("07", "07")]
sys.exit(0 if as_described else "changed: no longer as described")
END
