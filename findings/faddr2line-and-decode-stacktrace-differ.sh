#!/bin/sh
# An oops has addresses of two kinds: RIP is the instruction that failed, and a frame of the stack is the address that a call returns to,
# which follows the call. The kernel has two scripts that find lines of source for them. Each is wrong for one kind:
#
#                                       faddr2line                   decode_stacktrace.sh     the same with -R
#   RIP at the first instruction of a   right                        the line before it       right
#   line
#   a frame                             the line after the call      right                    the line after the call
#   a frame at the end of its function  no line                      right                    no line
#
# faddr2line and -R look up each address as it is; decode_stacktrace.sh subtracts one from each, RIP included. A frame at the end of
# its function is part of each Rust panic: a call that never returns is the last instruction there.
#
# Linux 7.3.4, Debian's linux-source-7.3 7.3.4-1~bpo13+1 of trixie-backports; the object is assembled, with lines, by the host's gcc.
#
# What it means here: `rustbed explain --vmlinux` subtracts one for frames only (harness/symbols/symbolizer.py).
#
# Needs apt-get, dpkg-deb, bash, gcc, binutils and 1 GB in the temporary directory. Exit status 0: as described.
set -eu
version=7.3.4-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mkdir -p "$dir/lists/partial" "$dir/archives/partial" "$dir/tree"
echo "deb [trusted=yes] $mirror trixie-backports main" >"$dir/sources.list"
apt() {
	apt-get -qq -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$dir/lists" \
		-o Dir::Cache="$dir" -o APT::Sandbox::User=root "$@"
}
apt update
(cd "$dir" && apt download "linux-source-7.3=$version")
dpkg-deb --fsys-tarfile "$dir"/linux-source-7.3_*.deb | tar -xO --wildcards './usr/src/linux-source-7.3.tar.xz' |
	tar -xJ -C "$dir/tree" --strip-components=1 --wildcards '*/scripts/decode*' '*/scripts/faddr2line'
echo "scripts of linux-source-7.3 $version"

cd "$dir"
cat >toy.s <<'END'
	.file 1 "toy.rs"
	.globl toy_probe, toy_read
	.section .text.toy_probe, "ax"
	.type toy_probe, @function
toy_probe:
	.loc 1 10
	call toy_read		# returns to toy_probe+0x5
	.loc 1 11
	movl (%rax), %eax	# toy_probe+0x5, which may fail
	.loc 1 12
	call toy_read		# returns to toy_probe+0xc
	.size toy_probe, . - toy_probe
	.section .text.toy_read, "ax"
	.p2align 4, 0xcc
	.type toy_read, @function
toy_read:
	.loc 1 20
	ret
	.size toy_read, . - toy_read
	.p2align 4, 0xcc
END
gcc -g -nostdlib -static -Wl,-e,toy_probe -o vmlinux toy.s
cat >log <<'END'
[    2.000000] RIP: 0010:toy_probe+0x5/0x10
[    2.000000] Call Trace:
[    2.000000]  toy_probe+0x5/0x10
[    2.000000]  toy_probe+0xc/0x10
END
status=0
{
	bash tree/scripts/faddr2line vmlinux toy_probe+0x5/0x10 toy_probe+0xc/0x10 | grep ' at ' | sed 's/ at .*toy\.rs/ at toy.rs/; s/ at .*?$/ at ?/'
	for option in '' -R; do
		# shellcheck disable=SC2086 # none or one
		bash tree/scripts/decode_stacktrace.sh $option vmlinux <log | sed 's#(/.*/toy\.rs#(toy.rs#; s#toy_probe (??:.)#toy_probe ?#; s#toy_probe+.*#toy_probe ?#'
	done
} 2>said >decoded || status=$?
cat decoded
cat >wanted <<'END'
toy_probe at toy.rs:11
toy_probe at ?
[    2.000000] RIP: 0010:toy_probe (toy.rs:10)
[    2.000000] Call Trace:
[    2.000000]  toy_probe (toy.rs:10)
[    2.000000]  toy_probe (toy.rs:12)
[    2.000000] RIP: 0010:toy_probe (toy.rs:11)
[    2.000000] Call Trace:
[    2.000000]  toy_probe (toy.rs:11)
[    2.000000]  toy_probe ?
END
[ "$status" = 0 ] && cmp -s decoded wanted || { cat said >&2; echo "changed: no longer as described" >&2; exit 1; }
