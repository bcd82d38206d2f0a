"""rust_minimal: module parameters, and the messages of init and exit."""

import errno

import pytest

from rustbed import CommandError, Vm

pytestmark = pytest.mark.needs("rust_minimal")

MODULE = "/lib/modules/rust_minimal.ko"

# what may be given, and what the driver makes of it
INTEGERS = {
    "42": 42,
    "+5": 5,
    "-5": -5,
    "0": 0,
    "0x2a": 42,
    "0X2A": 42,
    "0o52": 42,
    "052": 42,
    "0b101010": 42,
    "0B11": 3,
    "-0x2a": -42,
    "9223372036854775807": 2**63 - 1,
    "-9223372036854775808": -(2**63),
}
NO_INTEGERS = [
    *("", "-", "--5", "0x", "0o", "0b2", "08", "abc", "1_0", "1.5", "1 2", "٣"),
    *("9223372036854775808", "-9223372036854775809"),
]

# the kernel looks at the first character, and behind an o at the second
BOOLEANS = {
    **dict.fromkeys(("1", "y", "Y", "yes", "yup", "t", "T", "on", "On"), "true"),
    **dict.fromkeys(("0", "n", "N", "no", "f", "false", "off", "oFF", "of"), "false"),
}
NO_BOOLEANS = ["", "2", "o", "x", "-1", "éé"]


def status_of_insmod(vm: Vm, **params: object) -> int:
    """Load the driver; return 0 or the errno with which the kernel refused."""
    try:
        vm.insmod("rust_minimal", **params)
    except CommandError as error:
        return error.status
    return 0


def said(vm: Vm) -> list[tuple[int, str]]:
    """Return level and text of what the driver said; the kernel says other things at any time."""
    return [(record.level, record.text) for record in vm.log.matching("^rust_minimal: ")]


def test_says_so_at_load_and_unload(vm: Vm) -> None:
    with vm.module("rust_minimal"):
        loaded = said(vm)
        assert loaded[:2] == [
            (6, "rust_minimal: Rust minimal sample (init)"),
            (6, "rust_minimal: Am I built-in? false"),
        ]
    assert said(vm)[len(loaded) :] == [
        (6, "rust_minimal: My numbers are [72, 108, 200]"),
        (6, "rust_minimal: Rust minimal sample (exit)"),
    ]


@pytest.mark.since("7.3")
def test_parameters_have_defaults(vm: Vm) -> None:
    with vm.module("rust_minimal"):
        assert said(vm)[2:] == [
            (6, "rust_minimal: test_parameter: 1"),
            (6, "rust_minimal: test_bool_parameter: false"),
        ]


@pytest.mark.usefixtures("wide_numbers")
@pytest.mark.since("6.19")
def test_integer_parameter_takes_every_base_and_sign(vm: Vm) -> None:
    for text in INTEGERS:
        with vm.module("rust_minimal", test_parameter=text):
            pass
    shown = [record.text.rpartition(": ")[2] for record in vm.log.matching(" test_parameter: ")]
    assert dict(zip(INTEGERS, shown, strict=True)) == {text: str(value) for text, value in INTEGERS.items()}


@pytest.mark.since("6.19")
def test_what_is_no_integer_is_refused_by_name(vm: Vm) -> None:
    refused = {text: status_of_insmod(vm, test_parameter=text) for text in NO_INTEGERS}
    assert refused == dict.fromkeys(NO_INTEGERS, errno.EINVAL)
    assert set(said(vm)) == {
        (3, f"rust_minimal: `{text}' invalid for parameter `test_parameter'") for text in NO_INTEGERS
    }
    assert "rust_minimal" not in vm.read("/proc/modules")


@pytest.mark.since("7.3")
def test_boolean_parameter_takes_every_spelling_and_nothing_else(vm: Vm) -> None:
    for text in BOOLEANS:
        with vm.module("rust_minimal", test_bool_parameter=text):
            pass
    shown = [record.text.rpartition(": ")[2] for record in vm.log.matching(" test_bool_parameter: ")]
    assert dict(zip(BOOLEANS, shown, strict=True)) == BOOLEANS
    refused = {text: status_of_insmod(vm, test_bool_parameter=text) for text in NO_BOOLEANS}
    assert refused == dict.fromkeys(NO_BOOLEANS, errno.EINVAL)
    assert {(level, text) for level, text in said(vm) if "invalid" in text} == {
        (3, f"rust_minimal: `{text}' invalid for parameter `test_bool_parameter'") for text in NO_BOOLEANS
    }


@pytest.mark.since("7.3")
def test_both_parameters_can_be_given_but_neither_twice_nor_without_value(vm: Vm) -> None:
    with vm.module("rust_minimal", test_bool_parameter=True, test_parameter=-7):
        assert said(vm)[2:] == [
            (6, "rust_minimal: test_parameter: -7"),
            (6, "rust_minimal: test_bool_parameter: true"),
        ]
    refused = {
        params: vm.run(f"insmod {MODULE} {params}").status
        for params in (
            "test_parameter=1 test_parameter=1",
            "test_bool_parameter=1 test_bool_parameter=0",
            "test_parameter",
            "test_bool_parameter",
            "test_parameter=5 test_bool_parameter=x",
        )
    }
    assert list(refused.values()) == [errno.EEXIST, errno.EEXIST, errno.EINVAL, errno.EINVAL, errno.EINVAL]
    assert "rust_minimal" not in vm.read("/proc/modules")


def test_an_unknown_parameter_is_mentioned_and_ignored(vm: Vm) -> None:
    # `vm.module` refuses it
    vm.check("insmod /lib/modules/rust_minimal.ko nosuch=1")
    assert said(vm)[0] == (4, "rust_minimal: unknown parameter 'nosuch' ignored")
    assert (6, "rust_minimal: Rust minimal sample (init)") in said(vm)
    vm.rmmod("rust_minimal")


def test_is_loaded_once_and_leaves_nothing_behind(vm: Vm) -> None:
    with vm.module("rust_minimal"):
        assert status_of_insmod(vm) == errno.EEXIST
        assert vm.read("/sys/module/rust_minimal/refcnt") == "0\n"
        # parameters of Rust modules are not shown in sysfs
        assert "parameters" not in vm.check("ls /sys/module/rust_minimal").split()
        # a fixed string: to look for an expression in all symbols takes an emulated busybox a second
        assert vm.run("grep -F -q '[rust_minimal]' /proc/kallsyms").status == 0
    assert vm.read("/proc/modules") == ""
    assert vm.run("grep -F '[rust_minimal]' /proc/kallsyms").output == ""
    assert "rust_minimal" not in vm.check("ls /sys/module").split()
    with pytest.raises(CommandError, match="No such file or directory"):
        vm.rmmod("rust_minimal")


@pytest.mark.since("6.19")
@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="rust/kernel/str/parse_int.rs leaves what follows sign and base to from_str_radix, which takes "
    "another sign: docs/findings/parameter-second-sign.md",
)
def test_a_sign_behind_sign_or_base_is_refused(vm: Vm) -> None:
    refused = {}
    for text in ("-+5", "0x-2a", "0b-1", "-0x+2a"):
        refused[text] = status_of_insmod(vm, test_parameter=text)
        vm.run("rmmod rust_minimal")
    assert refused == dict.fromkeys(refused, errno.EINVAL)
