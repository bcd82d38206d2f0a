"""A failure has one fingerprint on every build and architecture; another failure has another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.log.fingerprint import fingerprint
from rustbed.log.record import parse_console
from rustbed.log.splat import Splat, find_splats

SPLATS = Path(__file__).parent / "splats"


def find(text: str) -> Splat:
    (splat,) = find_splats(parse_console(text))
    return splat


def load(name: str) -> str:
    return (SPLATS / f"{name}.log").read_text()


def test_same_mistake_on_three_architectures() -> None:
    assert len({find(load(f"null_{arch}")).fingerprint for arch in ("x86", "arm", "riscv")}) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # another build: hashes of crates, offsets, sizes, lines, addresses
        ("Cs6T0sO5GTPWi_", "Cs9ZZZZZZZZZ_"),
        ("+0x7e/0x90", "+0x123/0x456"),
        ("toy_rust.rs:61:17", "toy_rust.rs:75:9"),
        ("/build/drivers/toy/", "drivers/toy/"),
        # behind a call that never returns stands the function that was laid out next
        ("6Device5start+0x7e/0x90", "6Device5other+0x0/0x90"),
        ("RIP: 0010:rust_helper_BUG+0x8/0x10", "RIP: 0010:rust_helper_BUG+0x18/0x20"),
        # another run: processor, task, time, what else was loaded, whether the machine died
        ("CPU: 1 UID: 0 PID: 88 Comm: insmod", "CPU: 0 UID: 0 PID: 1188 Comm: modprobe"),
        ("[   11.", "[ 4711."),
        ("Modules linked in: toy_rust(+)", "Modules linked in: toy_rust(+) other"),
        ("[   11.002000] Kernel panic - not syncing: Fatal exception\n", ""),
        # words on the stack that only look like return addresses
        ("? _raw_spin_lock+0x8c/0x120", "? toy_helper+0x8c/0x120"),
    ],
)
def test_what_a_build_and_a_run_change_does_not_count(old: str, new: str) -> None:
    text = load("rust_panic_x86")
    changed = text.replace(old, new)
    assert changed != text
    assert find(changed).fingerprint == find(text).fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("called `Option::unwrap()` on a `None` value", "attempt to subtract with overflow"),
        ("toy_rust.rs:61:17", "other_rust.rs:61:17"),
    ],
)
def test_another_failure_has_another_one(old: str, new: str) -> None:
    text = load("rust_panic_x86")
    assert find(text.replace(old, new)).fingerprint != find(text).fingerprint


def test_numbers_of_a_message_do_not_count() -> None:
    text = load("rust_panic_arm64")
    changed = text.replace("the len is 4 but the index is 4", "the len is 3 but the index is 17")
    assert find(changed).fingerprint == find(text).fingerprint


def test_ways_into_the_kernel_do_not_count() -> None:
    ways = ("__x64_sys_ioctl", "__arm64_sys_ioctl", "__riscv_sys_ioctl", "__se_sys_ioctl", "do_syscall_64")
    found = {fingerprint("bug", "m", ["toy_ioctl", way, "further"]) for way in ways}
    assert found == {fingerprint("bug", "m", ["toy_ioctl"])}


def test_kind_message_and_the_inner_frames_count() -> None:
    found = [
        fingerprint("bug", "m", ["a", "b", "c"]),
        fingerprint("warning", "m", ["a", "b", "c"]),
        fingerprint("bug", "n", ["a", "b", "c"]),
        fingerprint("bug", "m", ["b", "a", "c"]),
        fingerprint("bug", "m", ["a"]),
    ]
    assert len(set(found)) == len(found)
    assert fingerprint("bug", "m", ["a", "a", "b", "d"]) == found[0]


def test_words_of_a_processor_for_a_refused_access_do_not_count() -> None:
    words = ("unable to handle kernel paging request", "execute from non-executable memory")
    assert len({fingerprint("oops", said, ["toy_call"]) for said in words}) == 1
    assert len({fingerprint("oops", said) for said in words}) == 2


def test_who_said_a_panics_words_does_not_count() -> None:
    said = "kernel panic: corrupted in: toy_read+{}/0x50 [toy]"
    found = {fingerprint("panic", said.format(f"0x{number:x}"), [f"f{number}"]) for number in (10, 74)}
    assert len(found) == 1
    assert fingerprint("panic", "kernel panic: other", ["f10"]) not in found


def test_every_splat_of_the_examples_has_one() -> None:
    files = sorted(SPLATS.glob("*.log"))
    assert len(files) > 40
    for file in files:
        for splat in find_splats(parse_console(file.read_text(errors="replace"))):
            assert len(bytes.fromhex(splat.fingerprint)) == 6


@given(st.text(max_size=30), st.text(max_size=60), st.lists(st.text(max_size=30), max_size=6))
def test_any_text_has_one(kind: str, message: str, frames: list[str]) -> None:
    assert len(fingerprint(kind, message, frames)) == 12
