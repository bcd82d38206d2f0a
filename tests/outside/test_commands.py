"""Every command of rustbed in somebody else's project, on what a red session left behind."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from tests.outside.installed import (
    Installed,
    Project,
    copy_project,
    forbid_writing,
    ordinary_user,
    read_colours,
    reds,
)


@pytest.fixture(scope="module")
def left_behind(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after a session with one test that warns and one that asserts in vain."""
    project = copy_project(installed, tmp_path_factory.mktemp("left"))
    done = project.pytest("tests", "-k", "warns or too_much or needs_no")
    assert done.returncode == 1, done.stdout
    return project


@pytest.fixture(scope="module")
def kernel_directory(left_behind: Project) -> Path:
    """Return a directory with a kernel that somebody built."""
    said = left_behind.rustbed("build", "--arch", "x86_64").stdout
    (image,) = (Path(line.split()[1]) for line in said.splitlines() if line.startswith("  kernel"))
    return image.parent


@pytest.fixture(scope="module")
def toy(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project as `rustbed new` makes it."""
    place = Project(installed=installed, directory=tmp_path_factory.mktemp("new"))
    assert place.rustbed("new", "toy", "--bus", "pci").returncode == 0
    return replace(place, directory=place.directory / "toy")


def test_explain_finds_the_splat_in_the_console_and_in_the_log(left_behind: Project) -> None:
    for name in ("console.log", "kernel.log"):
        done = left_behind.rustbed("explain", left_behind.run_directory("test_warns") / name)
        assert done.returncode == 1, done.stdout
        assert "WARNING" in done.stdout
        assert "reader" in done.stdout


def test_the_projects_own_drivers_are_listed_and_none_of_the_kernels(left_behind: Project) -> None:
    done = left_behind.rustbed("drivers")
    rows = [line for line in done.stdout.splitlines() if line.startswith("| `")]
    wanted = [f"| `{name}` | **2 fail** |  |  |  |" for name in ("counter", "reader")]
    assert (done.returncode, rows) == (1, wanted), done.stdout


def test_red_runs_are_listed_with_paths_that_lead_there(left_behind: Project) -> None:
    done = left_behind.rustbed("repro", "list")
    assert done.returncode == 0
    assert [name for name in ("test_warns", "test_expects_too_much") if name in done.stdout] != []
    assert len(done.stdout.splitlines()) == 2


def test_a_red_run_is_packed_and_reproduced(left_behind: Project) -> None:
    packed = left_behind.rustbed("repro", "pack", left_behind.run_directory("test_warns"))
    assert packed.returncode == 0, packed.stdout
    (bundle,) = left_behind.directory.glob("*test_warns*.rustbed.tar.gz")
    done = left_behind.rustbed("repro", "run", bundle)
    assert (done.returncode, done.stdout.splitlines()[-1].partition(":")[0]) == (0, "same"), done.stdout


def test_a_shell_opens_before_the_failing_command(left_behind: Project) -> None:
    terminal = pexpect.spawn(
        left_behind.installed.program("rustbed"),
        ["repro", "shell", str(left_behind.run_directory("test_warns"))],
        cwd=left_behind.directory,
        env=left_behind.env(),
        timeout=900,
        encoding="utf-8",
    )
    terminal.expect_exact("x86_64:/# ")
    terminal.sendline("cut -d' ' -f1 /proc/modules; exit 7")
    terminal.expect_exact("\ncounter")
    terminal.expect_exact(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 7


# without standard input, as services run programs
CLOSED = ("sh", "-c", 'exec "$0" "$@" <&-')


@pytest.mark.parametrize("runner", [(), CLOSED], ids=["nothing to read", "closed"])
def test_a_shell_with_nothing_typed_ends(left_behind: Project, runner: tuple[str, ...]) -> None:
    project = replace(left_behind, runner=runner)
    done = project.rustbed("repro", "shell", left_behind.run_directory("test_warns"))
    assert done.returncode == 0, done.stdout
    assert "x86_64:/# " in done.stdout


def test_gdb_with_nothing_typed_ends(left_behind: Project) -> None:
    project = replace(left_behind, runner=CLOSED)
    done = project.rustbed("repro", "gdb", left_behind.run_directory("test_warns"))
    assert (done.returncode, "Traceback" in done.stdout) == (0, False), done.stdout


def test_stopping_at_a_failure_with_nothing_typed_goes_on(installed: Installed, tmp_path: Path) -> None:
    project = replace(copy_project(installed, tmp_path), runner=CLOSED)
    done = project.pytest("tests", "--on-failure", "shell", "-k", "panics or too_much or needs_no")
    assert (done.returncode, "INTERNALERROR" in done.stdout) == (1, False), done.stdout
    assert reds(project.colours()) == {"test_panics", "test_expects_too_much"}
    # the module that the dead task holds is no failure of its own
    assert "2 failed, 1 passed" in done.stdout


def test_gdb_knows_the_lines_of_the_driver(left_behind: Project) -> None:
    run = left_behind.run_directory("test_warns")
    done = left_behind.rustbed("repro", "gdb", run, "--batch", "info line counter_next")
    assert done.returncode == 0, done.stdout
    assert "counter_main.rs" in done.stdout


def test_gate_judges_the_session(left_behind: Project) -> None:
    results = left_behind.results / "latest" / "junit.xml"
    done = left_behind.rustbed("gate", "--baseline", results, results)
    assert (done.returncode, done.stdout.count("STILL FAILING")) == (0, 2), done.stdout


def test_doctor_finds_everything(left_behind: Project) -> None:
    done = left_behind.rustbed("doctor")
    assert "ok    qemu x86_64" in done.stdout


def test_boot_runs_a_command_and_hands_its_status_over(left_behind: Project) -> None:
    done = left_behind.rustbed("boot", "--arch", "x86_64", "--", "uname -r; exit 7")
    assert done.returncode == 7, done.stdout


def test_bisect_finds_the_first_kernel_on_which_a_test_is_red(
    left_behind: Project, kernel_directory: Path
) -> None:
    for version in ("7.3.1", "7.3.2"):
        (left_behind.directory / version).symlink_to(kernel_directory)
    (left_behind.directory / "test_bisected.py").write_text(
        "def test_kernel_is_old(kernel):\n    assert '7.3.1' in kernel.source\n"
    )
    ends = ("--good", "built:7.3.1", "--bad", "built:7.3.2")
    done = left_behind.rustbed("bisect", *ends, "test_bisected.py")
    assert done.returncode == 0, done.stdout
    assert "first bad: built:7.3.2" in done.stdout


def test_ktap_of_a_log_becomes_junit(left_behind: Project) -> None:
    (left_behind.directory / "suite.log").write_text("KTAP version 1\n1..2\nok 1 here\nnot ok 2 there\n")
    done = left_behind.rustbed("ktap", "suite.log", "-o", "out put/kunit.xml")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "1 fail, 1 pass"), done.stdout
    assert read_colours(left_behind.directory / "out put/kunit.xml") == {"here": "green", "there": "red"}


def test_a_driver_of_one_module_is_described_to_editors(toy: Project) -> None:
    done = toy.rustbed("dev", "driver", "--arch", "x86_64")
    assert done.returncode == 0, done.stdout
    crates = json.loads((toy.directory / "driver/rust-project.json").read_text())["crates"]
    assert "toy" in {crate["display_name"] for crate in crates}


def test_a_step_of_a_drivers_life_is_lived(toy: Project) -> None:
    done = toy.rustbed("life", "driver", "--cycles", "2", *toy.installed.options, "-k", "load_and_unload")
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout


def test_what_mutants_want_is_named(toy: Project) -> None:
    done = toy.rustbed("mutate", ".", "--list")
    assert (done.returncode, "pip install 'rustbed[mutate]'" in done.stdout) == (3, True), done.stdout


def test_mutants_are_listed_with_their_lines_where_that_is_installed(toy: Project) -> None:
    done = toy.with_plugins().rustbed("mutate", ".", "--list")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^driver/toy\.rs:\d+: ", done.stdout, re.MULTILINE), done.stdout


LOOKS = """\
from pathlib import Path


def test_it_asks_for_one():
    assert "is_one(a: u32) -> bool { a == 1 }" in Path(__file__).with_name("toy.rs").read_text()
"""


def test_mutants_of_a_read_only_project_are_tried_by_an_ordinary_user(
    installed: Installed, tmp_path: Path
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (project / "toy.rs").write_text("fn is_one(a: u32) -> bool { a == 1 }\n")
    (project / "test_toy.py").write_text(LOOKS)
    forbid_writing(project)
    somebody = Project(installed=installed, directory=elsewhere, beside=True, runner=ordinary_user())
    done = somebody.rustbed("mutate", project)
    assert (done.returncode, "2 of 2 mutants were noticed" in done.stdout) == (0, True), done.stdout


def test_the_tests_of_a_new_driver_notice_each_wrong_line(installed: Installed, tmp_path: Path) -> None:
    place = Project(installed=installed, directory=tmp_path / "my drivers", beside=True)
    place.directory.mkdir()
    assert place.rustbed("new", "toy", "--bus", "faux").returncode == 0
    done = place.rustbed("mutate", "toy", *installed.options)
    assert (done.returncode, "100.0 %: 7 of 7 mutants" in done.stdout) == (0, True), done.stdout


def test_the_skeleton_of_a_device_is_printed_and_survives_a_fault(toy: Project) -> None:
    skeleton = toy.directory / "skeleton.py"
    redirected = replace(toy, runner=("sh", "-c", 'exec "$0" "$@" >skeleton.py'))
    # the project's own driver takes a class of devices
    done = redirected.rustbed("model", "driver", "--arch", "x86_64")
    assert (done.returncode, "class_code = 0x00ff00" in skeleton.read_text()) == (0, True), done.stdout
    done = redirected.rustbed("model", "rust_driver_pci", "--arch", "x86_64")
    assert done.returncode == 0, done.stdout
    # the author takes out the line that asks what the driver does first
    lines = [line for line in skeleton.read_text().splitlines() if "device.trace == []" not in line]
    (toy.directory / "test_device.py").write_text("\n".join(lines))
    words = ("--only", "wrong-id", *toy.installed.options)
    done = toy.rustbed("faults", "test_device.py", *words)
    assert (done.returncode, "faults: 1: 1 survived" in done.stdout) == (0, True), done.stdout


def test_faults_of_a_test_that_is_not_there_are_pytests_error_alone(toy: Project) -> None:
    done = toy.rustbed("faults", "nosuch.py", *toy.installed.options)
    assert done.returncode == 2, done.stdout
    assert "file or directory not found: nosuch.py" in done.stdout
    assert "rustbed: no test passed" not in done.stdout


def test_without_the_script_the_package_is_run(toy: Project) -> None:
    done = toy.run("python", "-m", "rustbed", "mutate", "nosuch")
    assert (done.returncode, "there is no directory nosuch" in done.stdout) == (2, True), done.stdout


def test_a_driver_that_grew_turns_the_gate_red(left_behind: Project) -> None:
    results = left_behind.results / "latest" / "junit.xml"
    before = left_behind.directory / "before.xml"
    text, count = re.subn(r"\breader text \d+", "reader text 10", results.read_text())
    assert count >= 1
    before.write_text(text)
    for baseline, status in ((results, 0), (before, 1)):
        done = left_behind.rustbed("gate", "--baseline", baseline, "--growth", "5%", results)
        assert (done.returncode, "GROWN" in done.stdout) == (status, status == 1), done.stdout


def test_values_of_options_are_never_taken_for_tests(project: Project) -> None:
    """Directories and files that exist, with spaces, each a word of its own as people type it."""
    results, fragment, cache = (
        project.directory / name for name in ("out put", "my driver.config", "a cache")
    )
    fragment.write_text("CONFIG_TOY=m\n")
    cache.mkdir()
    words = ("--results", results, "--arch", "x86_64", "-k", "needs_no or ends")
    done = project.rustbed("test", *words, *project.installed.options)
    assert done.returncode == 0, done.stdout
    assert set(read_colours(results / "latest" / "junit.xml").values()) == {"green"}
    assert not project.results.exists()
    chosen = ("--fragment", fragment, "--kernel", f"tree:{project.directory}", "--cache", cache)
    listed = project.rustbed("test", *words, *chosen, "--collect-only")
    assert listed.returncode == 0, listed.stdout
    assert f"kernel tree:{project.directory}" in listed.stdout
    assert "3/8 tests collected" in listed.stdout
    assert list(cache.iterdir()) == []


def test_the_checkout_is_never_imported(left_behind: Project) -> None:
    said = left_behind.run("python", "-c", "import rustbed; print(rustbed.__file__)").stdout.strip()
    assert Path(said).is_relative_to(left_behind.installed.environment)
