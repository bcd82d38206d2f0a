"""Several devices on one card: what QEMU is told of them, and which cannot be."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from tests.edge.devices.blinker import Blinker

from rustbed.devices.card import card
from rustbed.devices.i2c.bus import I2cBus
from rustbed.devices.models import device_of
from rustbed.devices.serial import SerialPeer
from rustbed.errors import DeviceError, UsageError


def words(argument: str) -> dict[str, str]:
    """Return the properties in an argument of -device that is not JSON."""
    return dict(word.split("=") for word in argument.split(",")[1:])


def test_functions_sit_at_one_place_behind_a_port_of_their_own(tmp_path: Path) -> None:
    device = card(Blinker(), "pci-testdev,membar=64k", '{"driver": "edu"}', I2cBus())
    assert device.name == 'a card of Blinker and pci-testdev,membar=64k and {"driver": "edu"} and I2cBus'
    assert device.shared_memory
    with device.serve(tmp_path) as served:
        assert served.argv[::2] == ("-device",) * 4 + ("-chardev", "-device")
        port, first, second, third, _, fourth = served.argv[1::2]
        name = words(port)["id"]
        function = json.loads(first)
        assert function.pop("socket")["type"] == "unix"
        place = {"bus": name, "multifunction": True}
        assert function == {"driver": "vfio-user-pci", "addr": "0.0", **place}
        assert second == f"pci-testdev,membar=64k,bus={name},addr=0.1,multifunction=on"
        assert json.loads(third) == {"driver": "edu", "addr": "0.2", **place}
        assert fourth.endswith(f",bus={name},addr=0.3,multifunction=on")
        served.check()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Blinker.trace", "I2cBus.trace"]


def test_each_machine_gets_a_port_that_has_no_other() -> None:
    device = card(Blinker())
    ports = []
    for _ in range(2):
        with device.serve(None) as served:
            ports.append(words(served.argv[1]))
    first, second = ports
    assert first["id"] != second["id"]
    assert (first["chassis"], first["slot"]) != (second["chassis"], second["slot"])


def test_function_that_fails_is_a_failure_of_the_card() -> None:
    def fail() -> None:
        with card("edu", Blinker()).serve(None) as served, socket.socket(socket.AF_UNIX) as sock:
            sock.connect(json.loads(served.argv[5])["socket"]["path"])
            sock.sendall(bytes(16))
            while True:
                served.check()

    with pytest.raises(DeviceError, match="QEMU and the device do not understand each other"):
        fail()


BLINKER = Blinker()


@pytest.mark.parametrize(
    ("functions", "said"),
    [
        ((), "a card of 0 functions"),
        (("edu",) * 9, "a card of 9 functions"),
        ((BLINKER, BLINKER), "one device cannot be two functions of a card"),
        ((SerialPeer(),), "SerialPeer cannot be a function of a card"),
        ((card("edu"),), "a card of edu cannot be a function of a card"),
        (("edu,addr=3.0",), "edu,addr=3.0 cannot be a function of a card: it has addr already"),
        (('{"driver": "edu", "bus": "x"}',), "cannot be a function of a card: it has bus already"),
    ],
)
def test_what_cannot_be_on_one_card_is_refused(functions: tuple[object, ...], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        card(*functions)  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_card_is_its_own_device() -> None:
    device = card("edu")
    assert device_of(device) is device
