#!/bin/sh
# rustfmt formats a statement as a whole or not at all. A text in it that ends behind the last column makes it leave out all of
# it: of a `match` with one such text, all other arms, too. `rustfmt --check` says nothing and ends with 0, so a lint is green. With
# the text shortened, it reports three arms. What is between the braces of a macro is never looked at, and every
# driver has one of those: module_pci_driver! { ... }.
#
#   rustfmt --check                                                                          status 0, no output
#   rustfmt --check --config error_on_line_overflow=true,error_on_unformatted=true           status 1, and the line
#
# Either option alone changes nothing. Both together report every long text, also of a statement that is well formatted.
#
# rustfmt 1.9.0, of Debian's rustfmt 1.97.1+dfsg1-1~bpo13+1.
#
# What it means here: docs/writing-tests.md, "Lints".
#
# Needs mmdebstrap. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
version=1.97.1+dfsg1-1~bpo13+1
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="rustfmt=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
rustfmt() { "$loader" --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/rustfmt --edition 2021 --color never "$@"; }
rustfmt --version
cat >toy.rs <<'END'
module_pci_driver! {
      type:  Toy,
    name:"toy",
}

fn check(state: u32, dev: &Device) {
    match state {
        1   =>   dev.fail("the card did not answer within the time that the data sheet gives it for its first answer"),
          2 => {     dev.ok( )  }
        _ => ()
    }
}
END
sed 's/ within the time.*answer"/"/' toy.rs >short.rs
changed=0
expect() { # WANTED FILE OPTIONS
	wanted=$1 file=$2
	shift 2
	status=0
	rustfmt --check "$@" "$file" >said 2>&1 || status=$?
	seen="status $status $(grep -E '^-|exceeded maximum width' said | cut -d '(' -f 1 | tr -s ' ' | paste -s -d '|')"
	echo "rustfmt --check $* $file: $seen"
	[ "$seen" = "$wanted" ] || { cat said; changed=1; }
}
expect 'status 0 ' toy.rs
expect 'status 1 - 1 => dev.fail|- 2 => { dev.ok|- _ => ' short.rs
expect 'status 0 ' toy.rs --config error_on_line_overflow=true
expect 'status 0 ' toy.rs --config error_on_unformatted=true
expect 'status 1 error[internal]: line formatted, but exceeded maximum width ' toy.rs --config error_on_line_overflow=true,error_on_unformatted=true
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
