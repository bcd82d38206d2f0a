#!/bin/sh
# avocado runs programs that write TAP (tests of kind "tap"), and goes by what they write. How they end makes no difference:
#
#   a result, then a segmentation fault   PASS, and 0 from `avocado run`
#   a result, then exit status 3          PASS, 0
#   one subtest of KTAP fails, the test around it does not: PASS, 0
#   a segmentation fault before a result  ERROR, 1
#
# So a program that dies is missed only if its plan announces results that did not come.
#
# avocado-framework 113.0. prove of Perl's Test::Harness, which reads the same output, fails for the first two.
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
program dies_late <<'END'
echo 1..1
echo ok 1 probe
kill -SEGV $$
END
program dies_early <<'END'
kill -SEGV $$
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
for name in dies_late has_a_status nested dies_early; do
	status=0
	venv/bin/avocado run --disable-sysinfo --job-results-dir results "./$name.sh" >"$name.said" 2>&1 || status=$?
	result=$(sed -n 's/^ (1\/1) .*\.sh: *\(PASS\|FAIL\|ERROR\|SKIP\|WARN\).*/\1/p' "$name.said")
	echo "$name: $result, status $status"
done >seen
cat seen
cat >wanted <<'END'
dies_late: PASS, status 0
has_a_status: PASS, status 0
nested: PASS, status 0
dies_early: ERROR, status 1
END
cmp -s seen wanted || { cat ./*.said; echo "changed: no longer as described" >&2; exit 1; }
