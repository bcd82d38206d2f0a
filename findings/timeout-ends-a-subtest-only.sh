#!/bin/sh
# pytest-timeout ends a test by raising in it. In a `with subtests.test()` that is one more failure of a subtest: the
# test goes on behind it, and nothing watches it any more, since a timer rings once. A test of three subtests with
# --timeout 1, each of which needs 3 s, takes 7: one second for the first, and both others pass. In a test without
# subtests the same limit holds.
#
# pytest 9.2.0, whose subtests these are, pytest-timeout 2.4.0 with its method "signal".
#
# What it means here: docs/writing-tests.md, "Timeouts"; the limits of rustbed's own waits hold in each subtest.
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pytest==9.2.0 pytest-timeout==2.4.0 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cat >"$dir/test_waits.py" <<'END'
import time


def test_plain():
    for _ in range(3):
        time.sleep(3)


def test_subtests(subtests):
    for number in range(3):
        with subtests.test(number=number):
            time.sleep(3)
END
cd "$dir"
venv/bin/pytest -q -p no:cacheprovider --timeout 1 --timeout-method signal --junitxml=junit.xml test_waits.py >log 2>&1 || tail -n 6 log
venv/bin/python - <<'END'
import sys
from importlib.metadata import version
from xml.etree import ElementTree

print("pytest", version("pytest"), "pytest-timeout", version("pytest-timeout"))
seen = {}
for case in ElementTree.parse("junit.xml").iter("testcase"):
    seconds = float(case.get("time"))
    # a busy host makes it longer, nothing makes it shorter
    ended = "at its limit" if seconds < 3 else "later"
    seen[case.get("name")] = (ended, [each.get("message") for each in case.iter("failure")])
    print(case.get("name"), f"{seconds:.0f} s, ended {ended}:", *seen[case.get("name")][1], sep="\n  ")
limit = "Failed: Timeout (>1.0s) from pytest-timeout."
as_described = seen == {
    "test_plain": ("at its limit", [limit]),
    "test_subtests": ("later", [limit, "contains 1 failed subtest"]),
}
sys.exit(0 if as_described else "changed: no longer as described")
END
