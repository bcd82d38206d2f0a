"""A stand-in for QEMU, for the failures a real one cannot be made to show on demand.

Takes QEMU's command line, speaks QMP, writes to the console, and serves the
guest's shell channel with the host's own sh. What it does, in order, is told
by FAKE_QEMU, words of which each is an act:

    print:TEXT    a line on the console          flood:MIB  that many MiB of lines on the console
    ready         start the shell                record:TEXT  a record in the kernel log
    pulse:TASKS   answer on the second shell, with these lines when asked for tasks
    sysrq[:N]     answer keys on the console, those behind character N only
    exit:N        end with status N
    spin          burn time until ended          wait       go on until ended
    later:TEXT    a record a second from now
    log           pass what is written to FAKE_KMSG, or by the shell to /dev/kmsg, on as records

It can be saved and loaded: memory that is in a file gets a mark, which a machine
that waits for its state (-incoming) must find there before it acts, told by FAKE_FORK then.
FAKE_MARKS is how many. FAKE_SAVE and FAKE_LOAD are acts that come before: exit:N, stall, fail. Each
start leaves a line in the file FAKE_STARTS: boot or fork, and the process's number.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

Send = Callable[[dict[str, object]], None]


def option(pattern: str) -> str:
    """Return what the group of a pattern matches in the first word that has it."""
    for word in sys.argv:
        if match := re.search(pattern, word):
            return match[1]
    raise SystemExit(f"no {pattern}")


def channel(name: str) -> int:
    return int(option(rf"^socket,id={name},fd=(\d+)$"))


def console() -> str:
    return option(r"^file,id=console,path=(.*?)(?:,input-path=.*)?$")


def console_input() -> int:
    return int(option(r"^file,id=console,.*,input-path=/dev/fd/(\d+)$"))


def memory() -> str:
    return option("^memory-backend-file,.*mem-path=([^,]*),")


MARK = b"memory of a guest that has booted"
MARK_AT = 3 * 4096


def mark_memory() -> None:
    with open(memory(), "r+b") as stream:  # noqa: PTH123
        for number in range(int(os.environ.get("FAKE_MARKS", "1"))):
            stream.seek(MARK_AT + number * 8192)
            stream.write(MARK)


def require_marked() -> None:
    with open(memory(), "rb") as stream:  # noqa: PTH123
        stream.seek(MARK_AT)
        if stream.read(len(MARK)) != MARK:
            raise SystemExit("this is no memory of a guest")


def happened(name: str, **data: object) -> dict[str, object]:
    return {"event": name, "data": data, "timestamp": {"seconds": 1, "microseconds": 2}}


REGISTERS = """
CPU#0
RAX=0000000000000000 RBX=0000000000000000
RIP=ffffffff81000042 RFL=00000202 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1
"""


def answer_of(command: str) -> object:
    """Return what QEMU would to a question about itself; {} to what is done and not asked."""
    answers: dict[str, object] = {
        "query-status": {"status": "running", "running": True},
        "query-cpus-fast": [{"cpu-index": 0, "thread-id": threading.main_thread().native_id}],
        "human-monitor-command": REGISTERS,
        "query-migrate": {"error-desc": "as it was told"},
    }
    return answers.get(command, {})


def respond(request: dict[str, Any], send: Send, acts: Acts) -> None:
    name, where = request["execute"], request.get("arguments", {}).get("uri", "").removeprefix("file:")
    answer: dict[str, object] = {"return": answer_of(name)}
    if name in ("refuse", "inject-nmi"):
        answer = {"error": {"class": "GenericError", "desc": "no such thing"}}
    if name == "query-pci":
        answer = {"return": []}
    if name == "stall":
        time.sleep(60)
    if name == "happen":
        send(happened("HAPPENED"))
    send({**answer, "id": request["id"]} if "id" in request else answer)
    if name == "migrate":
        migrate(send, os.environ.get("FAKE_SAVE", ""), lambda: acts.save(where))
    if name == "migrate-incoming":
        migrate(send, os.environ.get("FAKE_LOAD", ""), lambda: acts.load(where))


def migrate(send: Send, act: str, work: Callable[[], None]) -> None:
    """Save or load, unless told to do something else."""
    name, _, argument = act.partition(":")
    if name == "exit":
        os._exit(int(argument))
    if name == "stall":
        time.sleep(60)
    if name != "fail":
        work()
    send(happened("MIGRATION", status="failed" if name == "fail" else "completed"))


def serve_qmp(fd: int, acts: Acts) -> None:
    sock = socket.socket(fileno=fd)

    def send(message: dict[str, object]) -> None:
        sock.sendall(json.dumps(message).encode() + b"\n")

    version = {"qemu": {"micro": 0, "minor": 1, "major": 11}, "package": ""}
    send({"QMP": {"version": version, "capabilities": []}})
    pending = ""
    while chunk := sock.recv(1 << 16):
        pending += chunk.decode()
        # a client need not end its messages with a newline
        while pending := pending.lstrip():
            try:
                request, end = json.JSONDecoder().raw_decode(pending)
            except ValueError:
                break
            pending = pending[end:]
            respond(request, send, acts)


class Acts:
    def __init__(self) -> None:
        self.sequence = 0
        self.recording = threading.Lock()
        self.records = channel("records")
        self.kmsg = f"{os.environ['FAKE_KMSG']}.{os.getpid()}" if "FAKE_KMSG" in os.environ else ""
        self.loaded = threading.Event()

    def save(self, path: str) -> None:
        with open(path, "w") as stream:  # noqa: PTH123
            stream.write(str(self.sequence))

    def load(self, path: str) -> None:
        try:
            with open(path) as stream:  # noqa: PTH123
                self.sequence = int(stream.read())
            require_marked()
        except (OSError, ValueError, SystemExit) as error:
            sys.stderr.write(f"cannot load: {error}\n")
            os._exit(1)
        self.loaded.set()

    def print(self, text: str) -> None:
        with open(console(), "a") as stream:  # noqa: PTH123 - a script of its own
            stream.write(f"[    0.{self.sequence:06}] {text}\r\n")

    def flood(self, mib: str) -> None:
        line = "[    1.000000] " + "x" * 84 + "\n"
        with open(console(), "a") as stream:  # noqa: PTH123
            for _ in range(int(mib) * 10):
                stream.write(line * (2**20 // 10 // len(line) + 1))

    def record(self, text: str, level: int = 6) -> None:
        with self.recording:
            os.write(self.records, f"{level},{self.sequence},{self.sequence},-;{text}\n".encode())
            self.sequence += 1

    def ready(self, _: str) -> None:
        fd = channel("shell")
        if not self.loaded.is_set():
            os.write(fd, b"rustbed-ready 2\n")
        env = {**os.environ, "FAKE_PID": str(os.getpid()), "FAKE_KMSG": self.kmsg}
        # the host's own log is not for us
        shell = f"sed -u 's#/dev/kmsg#{self.kmsg}#g' | exec sh"
        logs = os.path.exists(self.kmsg)  # noqa: PTH110
        subprocess.Popen(["sh", "-c", shell] if logs else ["sh"], stdin=fd, stdout=fd, stderr=fd, env=env)

    def pulse(self, tasks: str) -> None:
        def answer() -> None:
            with open(channel("pulse"), "r+b", buffering=0) as port:
                while line := port.readline().decode():
                    if line.startswith("echo "):
                        port.write(line.removeprefix("echo ").encode())
                    if "/proc/" in line:
                        port.write(tasks.replace("|", "\n").encode() + b"\n")

        threading.Thread(target=answer, daemon=True).start()

    def sysrq(self, prefix: str) -> None:
        def answer() -> None:
            while key := os.read(console_input(), 1).decode():
                if prefix and ord(key) != int(prefix):
                    continue
                if prefix:
                    key = os.read(console_input(), 1).decode()
                self.print(f"sysrq: answer to {key}")
                self.record(f"sysrq: answer to {key}")

        threading.Thread(target=answer, daemon=True).start()

    def later(self, text: str) -> None:
        threading.Timer(1.0, self.record, [text]).start()

    def spin(self, _: str) -> None:
        while True:
            pass

    def log(self, _: str) -> None:
        os.mkfifo(self.kmsg)

        def pump() -> None:
            # a reader that is a writer too never meets an end: what comes between two readers would be lost
            with os.fdopen(os.open(self.kmsg, os.O_RDWR)) as stream:
                for line in stream:
                    self.record(re.sub(r"^<\d+>", "", line.rstrip("\n")))

        def wake() -> None:
            for line in os.fdopen(os.dup(self.records)):
                os.write(self.records, line.split(" ", 2)[2].encode())

        threading.Thread(target=pump, daemon=True).start()
        threading.Thread(target=wake, daemon=True).start()

    def exit(self, status: str) -> None:
        os._exit(int(status))

    def wait(self, _: str) -> None:
        threading.Event().wait()


def take_along() -> None:
    """Let what this process starts end with it, also if it is killed: a shell may wait for ever.

    Another process of the group waits for the end of a pipe that only this one has.
    """
    group = os.getpid()
    reader, _ = os.pipe()
    if os.fork() == 0:
        os.dup2(reader, 0)
        os.closerange(1, os.sysconf("SC_OPEN_MAX"))
        os.read(0, 1)
        os.killpg(group, signal.SIGKILL)
    os.close(reader)


def main() -> None:
    if "--version" in sys.argv:
        sys.stdout.write("QEMU emulator version 11.1.3\n")
        return
    if "-dump-vmstate" in sys.argv:
        with open(sys.argv[sys.argv.index("-dump-vmstate") + 1], "w") as stream:  # noqa: PTH123
            stream.write('{"saved-device": {}}')
        return
    take_along()
    fork = "-incoming" in sys.argv
    if "FAKE_STARTS" in os.environ:
        with open(os.environ["FAKE_STARTS"], "a") as stream:  # noqa: PTH123
            stream.write(f"{'fork' if fork else 'boot'} {os.getpid()}\n")
    acts = Acts()
    if any(word.startswith("memory-backend-file,") for word in sys.argv) and not fork:
        mark_memory()
    threading.Thread(target=serve_qmp, args=(channel("monitor"), acts), daemon=True).start()
    if fork:
        acts.loaded.wait()
    for act in os.environ["FAKE_FORK" if fork else "FAKE_QEMU"].split():
        name, _, argument = act.partition(":")
        getattr(acts, name)(argument.replace("_", " "))


main()
