#!/bin/sh
# Messages of MSI are edges: they are over when they were delivered. On QEMU's loongarch64 machine they are levels that nobody lowers. The bit of
# an enabled vector is cleared when the guest acknowledges it, and comes back when the vector is disabled and enabled again:
#
#                                     QEMU         an edge
#   the vector is enabled             no           no
#   a message arrives                 interrupt    interrupt
#   it is acknowledged                no           no
#   disabled                          no           no
#   enabled again, no new message     interrupt    no
#
# Debian's qemu-system-loongarch64 1:11.1.3+ds-1~bpo13+1. The guest is a few instructions in the place of firmware: it writes the message
# itself, as a device would, and says after each step whether the vector's bit is set in the interrupt controller (extioi, IOCSR 0x1804).
#
# What it means here: a driver that requests a vector that another one has freed gets an interrupt at once, which no device has raised; its device's
# trace has one more read of the handler than on other machines (tests/drivers/differences.yaml). A handler that takes its first interrupt
# for the answer to its first command is wrong there.
#
# Needs mmdebstrap and python3; 30 seconds. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-misc=$version,qemu-system-common=$version,qemu-system-data=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 - "$dir/root" "$dir" <<'END'
import os, socket, struct, subprocess, sys

root, scratch = sys.argv[1:]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-loongarch64", "-L", f"{root}/usr/share/qemu"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])

A0, A1, A2 = 4, 5, 6
VECTOR = 0x24
BIT = VECTOR % 32
# registers of the interrupt controller for vectors 32 to 63, where messages are written, the UART
ENABLE, ARRIVED, MESSAGES, UART = 0x1604, 0x1804, 0x2FF00000, 0x1FE001E0
program = []


def load(register, value):
    program.append(0x14000000 | (value >> 12) << 5 | register)  # lu12i.w
    program.append(0x03800000 | (value & 0xFFF) << 10 | register << 5 | register)  # ori


def write(address, value):
    load(A1, address)
    load(A0, value)
    program.append(0x06481800 | A1 << 5 | A0)  # iocsrwr.w a0, a1


def say():
    load(A1, ARRIVED)
    program.append(0x06480800 | A1 << 5 | A0)  # iocsrrd.w a0, a1
    program.append(0x00448000 | BIT << 10 | A0 << 5 | A0)  # srli.w a0, a0, BIT
    program.append(0x03400000 | 1 << 10 | A0 << 5 | A0)  # andi a0, a0, 1
    program.append(0x03800000 | ord("0") << 10 | A0 << 5 | A0)  # ori a0, a0, '0'
    load(A1, UART)
    program.append(0x29000000 | A1 << 5 | A0)  # st.b a0, a1, 0


write(ENABLE, 1 << BIT)
say()
load(A1, MESSAGES)
load(A0, VECTOR)
program.append(0x29800000 | A1 << 5 | A0)  # st.w a0, a1, 0
say()
write(ARRIVED, 1 << BIT)
say()
write(ENABLE, 0)
say()
write(ENABLE, 1 << BIT)
say()
program.append(0x50000000)  # b to itself
with open(f"{scratch}/bios", "wb") as file:
    file.write(struct.pack(f"<{len(program)}I", *program).ljust(4 << 20, b"\0"))

uart, theirs = socket.socketpair()
process = subprocess.Popen(
    [*qemu, "-machine", "virt", "-m", "1G", "-display", "none", "-nodefaults", "-bios", f"{scratch}/bios",
     "-chardev", f"socket,id=u,fd={theirs.fileno()}", "-serial", "chardev:u"], pass_fds=[theirs.fileno()])
theirs.close()
uart.settimeout(120)
said = b""
try:
    while len(said) < 5 and (more := uart.recv(100)):
        said += more
finally:
    process.kill()
    process.wait()
steps = ("enabled", "a message", "acknowledged", "disabled", "enabled again")
print(", ".join(f"{step}: {bit}" for step, bit in zip(steps, said.decode())))
sys.exit(0 if said == b"01001" else "changed: no longer as described")
END
