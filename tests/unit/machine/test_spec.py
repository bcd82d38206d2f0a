from dataclasses import replace
from pathlib import Path

from tests.kernels import make_kernel

from rustbed.machine.spec import Hardware, MachineSpec

HAD = Hardware(memory_mib=512, machine_options=("a=1",), cmdline=("quiet",), qemu_args=("-name", "x"))


def test_words_are_appended_to_those_of_the_hardware() -> None:
    spec = MachineSpec(hardware=HAD, kernel=make_kernel(image=Path("/k/image")), initramfs=Path("/i"))
    assert spec.appended() == spec
    more = spec.appended(machine_options=["b=2"], cmdline=["nokaslr"], qemu_args=("-s", "-S"))
    wanted = replace(
        HAD,
        machine_options=("a=1", "b=2"),
        cmdline=("quiet", "nokaslr"),
        qemu_args=("-name", "x", "-s", "-S"),
    )
    assert more == replace(spec, hardware=wanted)
