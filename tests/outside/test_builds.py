"""Drivers of somebody else's project: where they are, and what is said when they do not build."""

from __future__ import annotations

from rustbed.log.record import strip_ansi
from tests.outside.installed import Project, lay_over


def test_drivers_are_built_wherever_people_keep_them(project: Project) -> None:
    """The Kbuild file is at the root, with an environment and the results of an earlier session below."""
    lay_over(project, "layouts")
    (project.directory / "Kbuild").write_text("obj-y += drivers/\n")
    environment = project.directory / "env"
    environment.mkdir()
    (environment / "pyvenv.cfg").touch()
    (environment / "big.c").touch()
    old = project.results / "20261128T000000Z-1"
    old.mkdir(parents=True)
    (old / "kept.c").touch()
    (project.results / "latest").symlink_to(old.name)
    done = project.pytest("layouts")
    assert done.returncode == 0, done.stdout
    assert len(project.colours()) == 12


REASONS = {
    "undefined": "edu_undefined does not build: edu_undefined.ko: symbol 'ida_nosuch' undefined!",
    "missing": "edu_missing does not build: No rule to make target 'nosuch.o', needed by 'edu_missing.o'",
    "syntax": "edu_syntax does not build: invalid syntax in conditional, broken/syntax/Kbuild:2",
    "rust": "edu_rust does not build: cannot find value `number` in this scope, broken/rust/edu_rust.rs:18",
}
WANT_RUST = ("test_builds[rust]", "test_wants_it_in_a_fixture", "test_wants_no_machine")


def test_a_driver_that_does_not_build_is_shown_once_and_is_an_error_of_each_test(project: Project) -> None:
    lay_over(project, "broken")
    done = project.pytest("broken", "-n", "2", "--color=yes")
    assert done.returncode == 1
    said = strip_ansi(done.stdout)
    assert "2 passed, 6 errors" in said
    for reason in REASONS.values():
        assert said.count(f"= {reason} =") == 1
        assert said.count(f"\n{reason} (see above)") == (3 if "edu_rust" in reason else 1)
    # the compiler's own lines, with its help and its colours, and nothing of ours
    assert said.count("help: a local variable with a similar name exists") == 1
    assert "\x1b[91merror[E0425]" in done.stdout
    assert "Traceback" not in said
    assert "site-packages" not in said
    assert said.count("= compiler warnings =") == 1
    assert said.count("unused variable: `unused_number`") <= 2

    cases = project.cases()
    for name, reason in REASONS.items():
        case = cases[f"test_builds[{name}]"]
        assert (case.outcome, case.message) == ("error", reason)
    assert len({cases[f"test_builds[{name}]"].fingerprint for name in REASONS}) == len(REASONS)
    assert len({cases[name].fingerprint for name in WANT_RUST}) == 1

    # a driver has a row although it builds nowhere
    page = project.rustbed("drivers").stdout
    assert "| `edu_rust` | **3 error** |" in page, page
    assert "\n1 of 5 have a test that ran" in page
    assert f"- `edu_missing`, error on x86_64: {REASONS['missing']}" in page


def test_an_option_that_the_kernel_lacks_is_named_as_the_line_that_brings_it(project: Project) -> None:
    lay_over(project, "options")
    done = project.pytest("options")
    assert (done.returncode, project.colours()) == (1, {"test_builds": "red"}), done.stdout
    assert "symbol 'w1_add_master_device' undefined!" in done.stdout
    assert done.stdout.count("the kernel lacks CONFIG_W1: CONFIG_W1=y in a file given to --fragment") == 1


def test_a_program_in_c_is_built_for_the_guest(project: Project) -> None:
    lay_over(project, "programs")
    done = project.pytest("programs")
    assert done.returncode == 1
    assert project.colours() == {
        "test_runs_in_the_guest": "green",
        "test_an_edit_of_what_it_includes_makes_another_one": "green",
        **dict.fromkeys(("test_wrong", "test_wrong_again", "test_missing"), "red"),
    }, done.stdout
    reason = "wrong does not build: use of undeclared identifier 'number', programs/wrong.c:6"
    assert done.stdout.count(f"= {reason} =") == 1
    assert done.stdout.count(f"\n{reason} (see above)") == 2
    assert {project.cases()[name].outcome for name in ("test_wrong", "test_wrong_again")} == {"error"}
    assert "programs/client.c:8:6: warning: unused variable 'unused_number'" in done.stdout
    assert "there is no C file " in project.cases()["test_missing"].message
