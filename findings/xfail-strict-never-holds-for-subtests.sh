#!/bin/sh
# A test marked xfail(strict=True) whose only subtest fails, as was expected, fails. The subtest is xfailed, and so no
# failure; the body of the test then ends without one, which is XPASS(strict). With the assertion outside of the
# subtest the same test is xfailed. There is nothing that a test with such subtests could do to be as expected.
#
# pytest 9.2.0, whose subtests these are.
#
# What it means here: of a test with a machine, rustbed's plugin makes it an expected failure (harness/plugin/verdicts.py).
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pytest==9.2.0 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cat >"$dir/test_known.py" <<'END'
import pytest


@pytest.mark.xfail(strict=True, reason="known")
def test_plain():
    assert False


@pytest.mark.xfail(strict=True, reason="known")
def test_subtest(subtests):
    with subtests.test("register"):
        assert False
END
cd "$dir"
venv/bin/pytest --version
expect() { # TEST STATUS WORDS
	status=0
	said=$(venv/bin/pytest -q -rxX -p no:cacheprovider "test_known.py::$1" 2>&1) || status=$?
	echo "$1: status $status"
	echo "$said" | grep -e XFAIL -e XPASS -e 'in [0-9.]*s$'
	case $said in *"$3"*) [ "$status" = "$2" ] || changed=1 ;; *) changed=1 ;; esac
}
changed=0
expect test_plain 0 '1 xfailed in'
expect test_subtest 1 '[XPASS(strict)] known'
expect test_subtest 1 '1 failed, 1 xfailed in'
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
