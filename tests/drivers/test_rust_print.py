"""rust_print: the printing macros at every level, Arc's formatting, and a trace event."""

import re

import pytest

from rustbed import Vm

pytestmark = pytest.mark.needs("rust_print")

# levels of the kernel log by number, as the messages name them
LEVELS = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Info"]
TRACING = "/sys/kernel/tracing"


def load_and_unload(vm: Vm) -> list[tuple[int, str]]:
    """Return the level of each message of the module's life and its text, less the module's name."""
    with vm.module("rust_print"):
        pass
    return [
        (record.level, record.text.removeprefix("rust_print: "))
        for record in vm.log.matching("^rust_print: ")
    ]


def test_every_macro_prints_at_its_level(vm: Vm) -> None:
    printed = [(level, text) for level, text in load_and_unload(vm) if "(level" in text]
    assert printed == [
        (level, f"{name} message (level {level}) {args} args")
        for args in ("without", "with")
        for level, name in enumerate(LEVELS)
    ]


# 6.12 forgets the ends of lines
@pytest.mark.since("7.2")
def test_what_is_printed_without_level_is_informational_and_in_order(vm: Vm) -> None:
    printed = [
        # the path is that of the build, line and column change with the source
        (level, re.sub(r"\[\S*\brust_print\w*\.rs:\d+:\d+\]", "[source]", text))
        for level, text in load_and_unload(vm)
        if "(level" not in text
    ]
    assert printed == [
        (6, "Rust printing macros sample (init)"),
        (6, "A line that is continued without args"),
        (6, "A line that is continued with args"),
        (6, "1"),
        (6, '"hello, world"'),
        (6, '[source] c = "hello, world"'),
        (6, "Arc<dyn Display> says 42"),
        (6, "Arc<dyn Display> says hello, world"),
        (6, '"hello, world"'),
        (6, "Rust printing macros sample (exit)"),
    ]


@pytest.mark.since("6.13")
def test_fires_its_trace_event_when_loaded_and_leaves_nothing_behind(vm: Vm) -> None:
    # the event fires during init, so it is enabled before the module is there
    vm.write(f"{TRACING}/set_event", "rust_sample:rust_sample_loaded:mod:rust_print")
    with vm.module("rust_print"):
        assert vm.read(f"{TRACING}/set_event") == "rust_sample:rust_sample_loaded\n"
        events = [line for line in vm.pull(f"{TRACING}/trace").decode().splitlines() if line[0] != "#"]
        assert [event.partition(": ")[2] for event in events] == ["rust_sample_loaded: magic=42"]
        layout = vm.check(f"cat {TRACING}/events/rust_sample/rust_sample_loaded/format")
        assert "\tfield:int magic_number;" in layout
    assert vm.run(f"test -e {TRACING}/events/rust_sample").status == 1
    assert vm.read("/proc/modules") == ""
    assert "rust_print" not in vm.check("ls /sys/module").split()
