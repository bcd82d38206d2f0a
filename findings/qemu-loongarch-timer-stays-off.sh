#!/bin/sh
# QEMU saves the registers of loongarch64's timer, and not that it runs: a machine that is restored shows TCFG
# as it was, enabled, and the timer never fires, until the guest sets it anew: here, when QEMU's protocol for tests has raised
# the timer's interrupt. The machine that was saved goes on.
#
# Debian's qemu-system-loongarch64 1:11.1.3+ds-1~bpo13+1. The guest is 13 instructions in the place of firmware: it
# sets the timer for a second, waits until it has fired, and writes a letter.
#
# What it means here: the kernel sets the timer anew only for an event that is earlier than the one it waits for. If it
# is saved with its next tick ahead, no event is ever earlier once it is restored: it answers, and who sleeps there
# sleeps for ever. If it is saved idle, with the next event a second ahead, it goes on. rustbed raises the timer's
# interrupt in each restored machine, after which the kernel sets the timer anew (harness/forks/timers.py). To set the
# timer's bit in the saved ESTAT does not help: QEMU does not save that an interrupt waits (HARD in interrupt_request)
# either, and with a bit set there no later interrupt wakes the processor.
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
import atexit, json, os, socket, struct, subprocess, sys, time

root, scratch = sys.argv[1:]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-loongarch64", "-L", f"{root}/usr/share/qemu"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])

# a timer for one second, of 100 MHz; when it has fired, a letter comes out of the UART, and the next second begins
A0, A1, A2, ESTAT, TCFG, TICLR, FIRED = 4, 5, 6, 0x05, 0x41, 0x44, 0x800
TICKS = 100_000_000 & ~0xFFF
program = (
    0x14000000 | (TICKS >> 12) << 5 | A0,  # lu12i.w a0, TICKS
    0x03800000 | 1 << 10 | A0 << 5 | A0,  # ori a0, a0, enabled, once
    0x04000020 | TCFG << 10 | A0,  # csrwr a0, TCFG
    0x04000000 | ESTAT << 10 | A0,  # 1: csrrd a0, ESTAT
    0x03400000 | FIRED << 10 | A0 << 5 | A0,  # andi a0, a0, FIRED
    0x40000000 | (-2 & 0xFFFF) << 10 | A0 << 5 | 0x1F,  # beqz a0, 1b
    0x03800000 | 1 << 10 | A0,  # ori a0, zero, 1
    0x04000020 | TICLR << 10 | A0,  # csrwr a0, TICLR
    0x14000000 | 0x1FE00 << 5 | A1,  # lu12i.w a1, UART
    0x03800000 | 0x1E0 << 10 | A1 << 5 | A1,  # ori a1, a1, UART
    0x03800000 | ord("T") << 10 | A2,  # ori a2, zero, 'T'
    0x29000000 | A1 << 5 | A2,  # st.b a2, a1, 0
    0x50000000 | (-12 & 0xFFFF) << 10 | 0x3FF,  # b to the beginning
)
with open(f"{scratch}/bios", "wb") as file:
    file.write(struct.pack(f"<{len(program)}I", *program).ljust(4 << 20, b"\0"))


class Machine:
    def __init__(self, *more):
        (self.uart, theirs_u), (ours_m, theirs_m) = socket.socketpair(), socket.socketpair()
        fds = theirs_u.fileno(), theirs_m.fileno()
        self.process = subprocess.Popen(
            [*qemu, "-machine", "virt", "-m", "1G", "-display", "none", "-nodefaults", "-bios", f"{scratch}/bios",
             "-chardev", f"socket,id=u,fd={fds[0]}", "-serial", "chardev:u",
             "-chardev", f"socket,id=m,fd={fds[1]}", "-mon", "chardev=m,mode=control", *more],
            pass_fds=fds, stderr=subprocess.DEVNULL)
        atexit.register(self.process.kill)
        theirs_u.close(), theirs_m.close()
        self.monitor = ours_m.makefile("rw")
        self.monitor.readline()
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        print(json.dumps({"execute": command, "arguments": arguments}), file=self.monitor, flush=True)
        while "return" not in (answer := json.loads(self.monitor.readline())):
            if "error" in answer:
                raise SystemExit(f"{command}: {answer['error']}")
        return answer["return"]

    def moved(self, command):
        self.execute(command, uri=f"file:{scratch}/state")
        while (status := self.execute("query-migrate").get("status")) not in ("completed", "failed"):
            time.sleep(0.05)
        return status

    def letters(self, seconds):
        """Return what the UART says in that time."""
        end, said = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0:
            self.uart.settimeout(left)
            try:
                said += self.uart.recv(100)
            except TimeoutError:
                break
        return said.decode()

    def quit(self):
        self.execute("quit")
        self.process.wait()


saved = Machine()
before = saved.letters(3.5)
saved.execute("stop")
sent = saved.moved("migrate")
tests = f"{scratch}/qtest"
restored = Machine("-incoming", "defer", "-qtest", f"unix:{tests},server=on,wait=off", "-qtest-log", "none")
received = restored.moved("migrate-incoming")
# it was stopped when it was saved
restored.execute("cont")
after = restored.letters(5)
timer = [line for line in restored.execute("human-monitor-command", **{"command-line": "info registers"}).splitlines() if "TCFG" in line]
(processor,) = restored.execute("query-cpus-fast")
with socket.socket(socket.AF_UNIX) as qtest:
    qtest.connect(tests)
    qtest.sendall(f"set_irq_in {processor['qom-path']} unnamed-gpio-in 11 1\n".encode())
    raised = restored.letters(5)
restored.quit()
saved.execute("cont")
went_on = saved.letters(5)
saved.quit()
print(f"before {before!r}; {sent}, {received}; restored, 5 s: {after!r}; its interrupt raised, 5 s: {raised!r}; the machine that was saved, 5 s: {went_on!r}")
print(*timer)
as_described = before and went_on and raised and not after and (sent, received) == ("completed", "completed")
sys.exit(0 if as_described else "changed: no longer as described")
END
