#!/bin/sh
# With pytest-rerunfailures, --junitxml has a <testcase> for each try, all of one name, and a try that failed is one
# that passed: no <failure>, no <rerunFailure>, not counted. So a test that fails three times in three tries is "two
# of three passed". Around subtests it is the other way: their failures stay, so a session that ends with 0 and says
# "1 passed" writes failures="1". Properties belong to all tries: the last one's case has those of the first, too.
#
# pytest 9.2.0, pytest-rerunfailures 16.7.
#
# What it means here: `rustbed gate` takes the cases of one name in one suite of pytest's for tries of one test, and
# is red for them (harness/report/tries.py). rustbed's own junit.xml has one case, with what the tries were.
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pytest==9.2.0 pytest-rerunfailures==16.7 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cat >"$dir/test_tries.py" <<'END'
tries = []


def test_never():
    assert False


def test_second(record_property):
    tries.append("second")
    record_property("number", tries.count("second"))
    assert tries.count("second") == 2


def test_subtest(subtests):
    tries.append("subtest")
    with subtests.test("register"):
        assert tries.count("subtest") == 2
END
cd "$dir"
run() { # TEST: prints pytest's last line, leaves its status and the XML
	status=0
	venv/bin/pytest -q -p no:cacheprovider -o junit_family=xunit1 --reruns 2 --junitxml="$1.xml" "test_tries.py::$1" >"$1.log" 2>&1 || status=$?
	echo "$1: status $status: $(tail -n 1 "$1.log")"
	echo "$status" >"$1.status"
}
run test_never
run test_second
run test_subtest
venv/bin/python - <<'END'
import sys
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

print("pytest", version("pytest"), "pytest-rerunfailures", version("pytest-rerunfailures"))


def cases(test):
    """Return pytest's status, the failures that its suite counts, and the elements of each case."""
    suite = ElementTree.parse(f"{test}.xml").find("testsuite")
    found = [[f"{each.tag} {each.get('value', '')}".strip() for each in case.iter() if each is not case] for case in suite]
    print(test, f"failures={suite.get('failures')}", found)
    return int(Path(f"{test}.status").read_text()), suite.get("failures"), found


as_described = (
    cases("test_never") == (1, "1", [[], [], ["failure"]])
    and cases("test_second") == (0, "0", [["properties", "property 1"], ["properties", "property 1", "property 2"]])
    and cases("test_subtest") == (0, "1", [["failure"], []])
)
sys.exit(0 if as_described else "changed: no longer as described")
END
