#!/bin/sh
# avocado runs programs that write TAP (tests of kind "tap"), and goes by what they write. How they end makes no difference:
#
#   a result, then exit status 3          PASS, and 0 from `avocado run`
#   one subtest of KTAP fails, the test around it does not: PASS, 0
#   exit status 3 before a result         ERROR, 1
#
# So a status is missed unless the plan announces results that did not come.
#
# avocado-framework 113.0. prove of Perl's Test::Harness, which reads the same output, fails for the first.
#
# What it means here: selftests write KTAP and end with a status of their own. `vm.check` takes the status; who hands the
# program to avocado instead wraps it, so that it writes "not ok".
#
# Needs python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check avocado-framework==113.0 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
HOME=$dir
export HOME
program() { # NAME; its text is the input
	{ echo '#!/bin/sh'; cat; } >"$1.sh"
	chmod +x "$1.sh"
}
program has_no_result <<'END'
exit 3
END
program has_a_status <<'END'
echo 1..1
echo ok 1 probe
exit 3
END
program nested <<'END'
echo KTAP version 1
echo 1..1
echo '  KTAP version 1'
echo '  1..2'
echo '  ok 1 probe'
echo '  not ok 2 remove'
echo ok 1 toy
END
printf '[kinds]\ntap = ./*.sh\n\n[tap]\nuri = $testpath\n' >.avocado.hint
venv/bin/avocado --version
for name in has_a_status nested has_no_result; do
	status=0
	venv/bin/avocado run --disable-sysinfo --job-results-dir results "./$name.sh" >"$name.said" 2>&1 || status=$?
	result=$(sed -n 's/^ (1\/1) .*\.sh: *\(PASS\|FAIL\|ERROR\|SKIP\|WARN\).*/\1/p' "$name.said")
	echo "$name: $result, status $status"
done >seen
cat seen
cat >wanted <<'END'
has_a_status: PASS, status 0
nested: PASS, status 0
has_no_result: ERROR, status 1
END
cmp -s seen wanted || { cat ./*.said; echo "changed: no longer as described" >&2; exit 1; }
