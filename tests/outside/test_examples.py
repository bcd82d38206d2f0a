"""The examples in Python of the documentation, run from the wheel as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.outside.installed import CHECKOUT, Installed, Project, reds

PAGES = [
    CHECKOUT / name
    for name in ("docs/writing-tests.md", "README.md", "docs/life.md", "docs/reading-a-failed-run.md")
]
# why a block is not run here
ELSEWHERE = {
    "test_probe_survives_each_failing_allocation": "takes a minute: tests/boot/test_twins.py runs it",
    "test_vectors": "boots the debug kernel, as tests/drivers/test_kunit.py does",
    "test_units": "wants a driver with such a suite: tests/drivers/test_kunit.py has one",
    "test_unload_leaves_nothing_behind": "boots the debug kernel, as tests/oracle/test_kmemleak.py does",
    "test_a_structure_with_a_pointer": "wants a driver for it: tests/unit/guest/test_files.py has such calls",
    "test_life": "a machine for each step: tests/drivers/test_life.py has drivers live it",
    "test_sysrq_crash": "is red, as tests/boot/scenes/scene_verdicts.py is",
    "test_rmmod_is_refused_while_a_descriptor_is_open": "stands in tests/drivers/test_rust_misc_device.py",
    "test_unbind_disables_the_device": "has no body",
    "": "lines of a test, which test_plug has, too",
}
HEAD = """\
import errno
import pytest
from rustbed import CrashError, Struct
from collections.abc import Callable
from pathlib import Path
"""
FILES = {
    "my_driver/Kbuild": "obj-m := my_driver.o\n",
    "my_driver/my_driver.c": """\
#include <linux/module.h>
static int __init begin(void) { pr_info("my_driver: ready\\n"); return 0; }
static void __exit end(void) { }
module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
""",
    "client.c": 'int main(void)\n{\n\tputs("ready");\n\treturn 0;\n}\n',
}


def read_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def names(block: str) -> list[str]:
    return re.findall(r"^def (test_\w+)", block, re.MULTILINE) or [""]


def test_examples_are_green_as_they_stand(installed: Installed, tmp_path: Path) -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    blocks = read_blocks(text, "python")
    here = [block for block in blocks if not set(names(block)) & set(ELSEWHERE)]
    assert set(ELSEWHERE) <= {name for block in blocks for name in names(block)}, "one is gone"
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (board,) = read_blocks(text, "dts")
    (tmp_path / "my-device.dts").write_text(board)
    (tmp_path / "test_page.py").write_text("\n\n".join([HEAD, *here]))
    done = Project(installed=installed, directory=tmp_path).pytest("-q", "test_page.py")
    colours = Project(installed=installed, directory=tmp_path).colours()
    assert (done.returncode, reds(colours)) == (0, set()), done.stdout
    assert set(colours) == {name for block in here for name in names(block)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```python\ndef test_a(): ...\ndef test_b(): ...\n```\n", ["test_a", "test_b"]),
        ("```python\nx\n```\n", [""]),
    ],
)
def test_blocks_are_found_with_their_tests(text: str, expected: list[str]) -> None:
    assert [names(block) for block in read_blocks(text, "python")] == [expected]
