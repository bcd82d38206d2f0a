"""find_bit_benchmark_rust: it measures while it is loaded, and refuses to stay, by design."""

from __future__ import annotations

import re

import pytest

from rustbed import CommandError, Vm

MODULE = "find_bit_benchmark_rust"

pytestmark = pytest.mark.needs(MODULE)


@pytest.mark.usefixtures("wide_numbers")
def test_it_measures_and_does_not_stay(vm: Vm) -> None:
    with pytest.raises(CommandError, match="Invalid argument"):
        vm.insmod(MODULE)
    # insmod tries once more in another way
    for report in vm.log.matching(f"^{MODULE}: Benchmark"):
        bitmaps = re.findall(r"^Start testing find_bit\(\) Rust with (\S+) bitmap", report.text, re.MULTILINE)
        assert bitmaps == ["random-filled", "sparse"]
        figures = re.findall(r"^(next_\w+): +\d+ ns, +\d+ iterations$", report.text, re.MULTILINE)
        assert figures == ["next_bit", "next_zero_bit"] * 2
    assert vm.log.matching(f"^{MODULE}: Benchmark")
    assert vm.read("/proc/modules") == ""
