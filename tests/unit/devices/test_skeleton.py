"""From a driver's aliases and accesses to a model that can be filled in."""

from __future__ import annotations

import pytest

from rustbed import PciDevice, UsageError
from rustbed.devices.recording import Shape, Touched
from rustbed.devices.skeleton import Ids, find_ids, render_skeleton, require_ids


@pytest.mark.parametrize(
    ("alias", "ids"),
    [
        ("pci:v00001B36d00000005sv*sd*bc*sc*i*", Ids(vendor_id=0x1B36, device_id=5, class_code=0xFF0000)),
        ("pci:v000010DEd*sv*sd*bc03sc00i*", Ids(vendor_id=0x10DE, device_id=0xCAFE, class_code=0x030000)),
        ("pci:v*d*sv*sd*bc01sc08i02*", Ids(vendor_id=0x1B36, device_id=0xCAFE, class_code=0x010802)),
        (
            "pci:v00008086d00001000sv00001028sd0000000Abc*sc*i*",
            Ids(vendor_id=0x8086, device_id=0x1000, class_code=0xFF0000),
        ),
    ],
)
def test_alias_names_the_device(alias: str, ids: Ids) -> None:
    assert find_ids(["of:N*T*Cacme,thing", alias]) == [ids]


def test_driver_of_other_buses_is_refused_with_its_aliases() -> None:
    with pytest.raises(UsageError, match="rust_driver_platform is not a driver of PCI devices") as caught:
        require_ids(["of:N*T*Ctest,rust-device"], "rust_driver_platform")
    assert "of:N*T*Ctest,rust-device" in str(caught.value)


def test_skeleton_is_a_device_that_works() -> None:
    registers = [
        Touched(bar=0, offset=0, width=4, first=7, is_read=True, is_written=False),
        Touched(bar=0, offset=8, width=1, first=None, is_read=False, is_written=True),
        Touched(bar=2, offset=0, width=2, first=0, is_read=True, is_written=True),
    ]
    bars = [Shape(index=0, size=4096, bits=64), Shape(index=2, size=64, io=True)]
    ids = Ids(vendor_id=0x1B36, device_id=0xCAFE, class_code=0x010802)
    text = render_skeleton("my_driver", ids, bars, registers)
    names: dict[str, object] = {}
    exec(compile(text, "skeleton", "exec"), names)  # noqa: S102 - what is tested is that it runs
    kind = names["MyDriverDevice"]
    assert isinstance(kind, type)
    device = kind()
    assert isinstance(device, PciDevice)
    assert (device.vendor_id, device.device_id, device.class_code) == (0x1B36, 0xCAFE, 0x010802)
    assert [(bar.index, bar.size, bar.bits, bar.io) for bar in device.declared_bars] == [
        (0, 4096, 64, False),
        (2, 64, 32, True),
    ]
    device.write(0, 8, b"\x05")
    assert (device.read(0, 0, 4), device.read(0, 8, 1), device.read(2, 0, 2)) == (
        b"\x07\0\0\0",
        b"\x05",
        b"\0\0",
    )
    assert "read and written: what is it?" in text
