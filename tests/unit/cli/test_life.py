"""The test that `rustbed life` has pytest run."""

from __future__ import annotations

import argparse
import ast
from pathlib import Path

import pytest

from rustbed.cli import life
from rustbed.cli.life import render_test


def test_it_is_a_test_with_the_marker() -> None:
    text = render_test("/home/me/it's mine", {"device": "edu", "ioctls": [0x7C80]})
    (function,) = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    (marker,) = function.decorator_list
    assert ast.unparse(marker) == (
        "pytest.mark.lifecycle(\"/home/me/it's mine\", device='edu', ioctls=[31872])"
    )


def test_device_in_python_is_imported_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "it's mine" / "blinker.py"
    text = render_test("./blinker", {"device": f"{file}:Blinker", "cycles": 3, "setup": "echo '1'"})
    assert ast.parse(text)
    assert f"sys.path.insert(0, {str(file.parent)!r})\nfrom blinker import Blinker\n" in text
    assert """@pytest.mark.lifecycle('./blinker', device=Blinker, cycles=3, setup="echo '1'")""" in text


@pytest.mark.parametrize(
    ("option", "value"), [("--cycles", "0"), ("--cycles", "-3"), ("--cycles", "many"), ("--ioctl", "one")]
)
def test_a_number_that_is_none_is_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    life.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["driver", f"{option}={value}"])
    assert f"{value} is not a" in capsys.readouterr().err
