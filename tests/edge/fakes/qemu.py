"""A stand-in for QEMU, for the failures a real one cannot be made to show on demand.

Takes QEMU's command line, speaks QMP, writes to the console, and serves the
guest's shell channel with the host's own sh. What it does, in order, is told
by FAKE_QEMU, words of which each is an act:

    print:TEXT    a line on the console          flood:MIB  that many MiB of lines on the console
    ready         start the shell
    record:TEXT   a record in the kernel log     exit:N     end with status N
    wait          go on until ended
    log           pass what is written to FAKE_KMSG on as records
"""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time


def channel(name: str) -> int:
    for word in sys.argv:
        if match := re.fullmatch(rf"socket,id={name},fd=(\d+)", word):
            return int(match[1])
    raise SystemExit(f"no chardev {name}")


def console() -> str:
    for word in sys.argv:
        if match := re.fullmatch(r"file,id=console,path=(.*)", word):
            return match[1]
    raise SystemExit("no console")


def serve_qmp(fd: int) -> None:
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
            answer: dict[str, object] = {"return": {}}
            if request["execute"] == "refuse":
                answer = {"error": {"class": "GenericError", "desc": "no such thing"}}
            if request["execute"] == "stall":
                time.sleep(60)
            if request["execute"] == "happen":
                send({"event": "HAPPENED", "data": {}, "timestamp": {"seconds": 1, "microseconds": 2}})
            send({**answer, "id": request["id"]} if "id" in request else answer)


class Acts:
    def __init__(self) -> None:
        self.sequence = 0
        self.records = channel("records")

    def print(self, text: str) -> None:
        with open(console(), "a") as stream:  # noqa: PTH123 - a script of its own
            stream.write(f"[    0.{self.sequence:06}] {text}\r\n")

    def flood(self, mib: str) -> None:
        line = "[    1.000000] " + "x" * 84 + "\n"
        with open(console(), "a") as stream:  # noqa: PTH123
            for _ in range(int(mib) * 10):
                stream.write(line * (2**20 // 10 // len(line) + 1))

    def record(self, text: str, level: int = 6) -> None:
        self.sequence += 1
        os.write(self.records, f"{level},{self.sequence},{self.sequence},-;{text}\n".encode())

    def ready(self, _: str) -> None:
        fd = channel("shell")
        os.write(fd, b"rustbed-ready 1\n")
        env = {**os.environ, "FAKE_PID": str(os.getpid())}
        subprocess.Popen(["sh"], stdin=fd, stdout=fd, stderr=fd, env=env)

    def log(self, _: str) -> None:
        path = os.environ["FAKE_KMSG"]
        os.mkfifo(path)

        def pump() -> None:
            while True:
                with open(path) as stream:  # noqa: PTH123
                    for line in stream:
                        self.record(re.sub(r"^<\d+>", "", line.rstrip("\n")))

        threading.Thread(target=pump, daemon=True).start()

    def exit(self, status: str) -> None:
        os._exit(int(status))

    def wait(self, _: str) -> None:
        threading.Event().wait()


def main() -> None:
    script = os.environ["FAKE_QEMU"].split()
    if "--version" in sys.argv:
        sys.stdout.write("QEMU emulator version 11.1.3\n")
        return
    acts = Acts()
    threading.Thread(target=serve_qmp, args=(channel("monitor"),), daemon=True).start()
    for act in script:
        name, _, argument = act.partition(":")
        getattr(acts, name)(argument.replace("_", " "))


main()
