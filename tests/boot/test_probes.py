"""What kbuild tries of the compiler is remembered where it stays true; with the make that builds modules."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.kernel.probes import remember
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import prepare
from rustbed.progress import ignore

# as kbuild has it, with a comma, quotes and an open parenthesis in what is tried
MAKEFILE = """\
TMPOUT = .tmp_$$$$
all: ; @echo '$(call try-run,sh compiler -Wa$(comma)x $(odd) $(option) -o "$$TMP",$(option),lacks $(option))'
comma := ,
odd := '-O(2'
"""
COMPILER = """\
echo $3 >>calls
test -d ${5%/*} || exit 2
case $3 in
-known) ;;
-nosuch) echo "unknown argument" >&2; exit 1 ;;
-killed) kill -9 $$ ;;
esac
"""


@pytest.mark.arches("x86_64")
def test_trials_of_the_compiler_are_made_once(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    platform = prepare(arch, read_choices(given(request.config)), ignore)
    place = tmp_path / "place"
    place.mkdir()
    (place / "Makefile").write_text(MAKEFILE)
    (place / "compiler").write_text(COMPILER)
    settings, bind = remember(platform.kernel, platform.toolchain, Cache(tmp_path / "cache"))

    def make(*words: str) -> str:
        seen = platform.toolchain.seen(place, "/module")
        argv = ["make", "-s", *settings, *words]
        command = platform.toolchain.command(argv, binds=[(place, "/module"), bind], cwd=seen)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def calls() -> list[str]:
        made = (place / "calls").read_text().split()
        (place / "calls").write_text("")
        return made

    answers = {"-known": "-known", "-nosuch": "lacks -nosuch", "-killed": "lacks -killed"}
    for tried in ([*answers], ["-killed"]):
        assert {option: make(f"option={option}") for option in answers} == answers
        assert calls() == tried
    # an author's Kbuild file may try what has been edited since
    assert make("option=-known", "obj=.") == "-known"
    assert calls() == ["-known"]
    # nothing can be noted there
    assert make("option=-known", "PROBES=/nosuch") == "-known"
    assert make("option=-nosuch", "PROBES=/nosuch") == "lacks -nosuch"
    assert list(place.glob(".tmp*")) == []
