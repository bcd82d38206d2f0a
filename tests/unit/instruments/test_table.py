"""Which instruments watch a test, and what they need of its kernel."""

from __future__ import annotations

from pathlib import Path

from tests.kernels import make_kernel

from rustbed.instruments.table import INSTRUMENTS, choose_instruments, cmdline_of, missing_options
from rustbed.kernel.artifact import Kernel


def kernel_with(tmp_path: Path, *options: str) -> Kernel:
    config = tmp_path / "config"
    config.write_text("".join(f"{option}=y\n" for option in options))
    return make_kernel(config=config)


def names(kernel: Kernel, *asked: str) -> list[str]:
    return [each.name for each in choose_instruments(kernel, asked)]


def test_kmemleak_watches_only_when_it_is_asked_for(tmp_path: Path) -> None:
    kernel = kernel_with(tmp_path, "CONFIG_DEBUG_KMEMLEAK")
    assert names(kernel) == []
    assert names(kernel, "kmemleak") == ["kmemleak"]


def test_slab_watches_every_test_where_nothing_better_does(tmp_path: Path) -> None:
    options = ("CONFIG_SLUB_DEBUG", "CONFIG_SYSFS")
    assert names(kernel_with(tmp_path, *options)) == ["slab"]
    assert names(kernel_with(tmp_path, *options, "CONFIG_KASAN")) == ["kasan"]
    assert names(kernel_with(tmp_path, "CONFIG_SLUB_DEBUG")) == []


def test_kasan_is_told_to_go_on_after_its_first_report(tmp_path: Path) -> None:
    assert cmdline_of(choose_instruments(kernel_with(tmp_path, "CONFIG_KASAN"), [])) == ("kasan_multi_shot",)


def test_kernel_of_which_nothing_is_known_is_left_alone() -> None:
    assert "slab" not in names(make_kernel(config=None))


def test_checks_for_kmemleak_do_not_replace_those_of_the_slab(tmp_path: Path) -> None:
    kernel = kernel_with(tmp_path, "CONFIG_SLUB_DEBUG", "CONFIG_SYSFS", "CONFIG_DEBUG_KMEMLEAK")
    words = cmdline_of(choose_instruments(kernel, ["kmemleak"]))
    assert words == ("slab_debug=F", "slab_debug=FZPU"), "the kernel takes the last one"


def test_what_a_kernel_lacks_for_an_instrument_is_named(tmp_path: Path) -> None:
    kernel = kernel_with(tmp_path, "CONFIG_SLUB")
    assert missing_options(choose_instruments(kernel, ["kmemleak"]), kernel) == ("CONFIG_DEBUG_KMEMLEAK",)
    assert missing_options(choose_instruments(kernel, []), kernel) == ()


def test_words_for_the_command_line_are_those_of_what_watches(tmp_path: Path) -> None:
    kernel = kernel_with(tmp_path)
    assert cmdline_of(choose_instruments(kernel, ["kmemleak"])) == ("slab_debug=F",)
    assert cmdline_of(()) == ()


def test_instruments_have_a_name_each() -> None:
    assert len({each.name for each in INSTRUMENTS}) == len(INSTRUMENTS)
