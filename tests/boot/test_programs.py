"""C programs that run in the guest, with the kernel's own small C library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import Vm


@pytest.mark.xfail(
    strict=True,
    reason="WIFSIGNALED(0) is true: docs/findings/nolibc-ended-is-signaled.md",
    raises=AssertionError,
)
def test_program_that_ended_well_was_not_ended_by_a_signal(
    vm: Vm, build_program: Callable[[str], Path]
) -> None:
    vm.push(build_program("programs/wait_status.c"), "/tmp/wait_status", mode=0o755)
    status = vm.run("exec /tmp/wait_status").status
    # 2: it could not be tried
    if status == 2:
        pytest.fail("the child did not end as it should")
    assert status == 0
