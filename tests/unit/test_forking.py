"""What drivers' tests do where machines are not copied: a broken copy is no skip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from tests.drivers.forking import copied

from rustbed.errors import ForkError


def machine(control: object, error: str = "") -> Any:
    """Return a machine with or without a socket for copies, whose copies may fail."""

    @contextmanager
    def fork() -> Iterator[str]:
        if error:
            raise ForkError(error)
        yield "twin"

    return SimpleNamespace(live=SimpleNamespace(running=SimpleNamespace(control=control)), fork=fork)


def test_copy_is_yielded() -> None:
    with copied(machine(object())) as twin:
        assert str(twin) == "twin"


def test_session_without_copies_skips() -> None:
    with pytest.raises(pytest.skip.Exception, match="not copied"), copied(machine(None)):
        pass


def test_broken_copy_fails() -> None:
    with pytest.raises(ForkError, match="broken"), copied(machine(object(), "broken")):
        pass


def test_error_of_the_test_itself_is_not_a_skip() -> None:
    with pytest.raises(ForkError, match="of the body"), copied(machine(object())):
        raise ForkError("of the body")
