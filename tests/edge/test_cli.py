"""The command line's words, exit statuses and complaints; nothing here builds or boots."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rustbed as rustbed_package
from rustbed.cache import mark
from rustbed.cli.main import main


def rustbed(*words: str, cache: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "rustbed.cli", *words, "--cache", str(cache)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["build", "--arch", "sparc"], "unknown architecture 'sparc'"),
        (["build", "--kernel", "nonsense"], "unknown kernel source 'nonsense'"),
        (["build", "--profile", "dbug"], "unknown profile 'dbug'"),
        (["clean", "nothing"], "is not a cache of rustbed"),
        (["bench", "nothing"], "invalid choice: 'nothing'"),
        (["bench", "fork", "--runs", "0"], "0 is not a count"),
        (["bench", "fork", "--runs", "many"], "many is not a count"),
        (["boot", "--cpus", "0"], "0 is not a count"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
    ],
)
def test_what_cannot_be_is_status_2_with_the_reason(tmp_path: Path, words: list[str], said: str) -> None:
    done = rustbed(*words, cache=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mutate", "nothing"], "there is no directory nothing"),
        (["mutate", "--file", "*.rs", "."], "no source that matches *.rs in . has code that can be mutated"),
        (["life", "./nothing"], "there is no directory ./nothing"),
        (["life", "nothing.ko"], "there is no directory nothing.ko"),
        (["life", "."], "has no Kbuild file"),
        (["life", "edu", "--device", "no/edu.py:Edu"], "there is no file no/edu.py"),
        (["life", "edu", "--device", "edu", "--faults"], "--faults wants a device written in Python"),
        (["model", "nothing.ko"], "no such module: nothing.ko"),
        (["model", "./nothing"], "no such module: ./nothing"),
        (["model", "."], "has no Kbuild file"),
        (["model", "--trace", "nothing", "edu"], "cannot read nothing: No such file"),
        (["dev", "nothing"], "there is no directory nothing"),
        (["dev", "."], "has no Kbuild file"),
        (["lint", "nothing"], "there are no sources in"),
        (["boot", "--arch", "x86_64", "--module", "."], "has no Kbuild file"),
        (["diff", "nothing", "nothing"], "there is no directory nothing"),
        (["repro", "list", "."], "is neither a session nor a run"),
        (["repro", "list", "nothing"], "there are no results in nothing"),
        (["bisect", "--good", "tree:/no@a", "--bad", "tree:/no@b", "a.py"], "/no is not a git repository"),
        (["bisect", "--good", "debian:7.2", "--bad", "tree:/no@b", "a.py"], "not two kernels of one series"),
        (
            ["new", "match", "--bus", "pci"],
            "a driver cannot be called 'match': Rust or the kernel uses that word",
        ),
        (["new", "Toy", "--bus", "pci"], "a driver cannot be called 'Toy'"),
    ],
)
def test_a_path_or_name_that_cannot_be_is_told_before_anything_is_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUSTBED_CACHE", str(tmp_path / "cache"))
    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["gate", "--baseline", "", "new.xml"],
        ["gate", "--baseline=", "new.xml"],
        ["gate", "--baseline", "new.xml", ""],
        ["explain", ""],
        ["diff", "a", "b", "--ignore", ""],
        ["clean", "--cache", ""],
        ["bisect", "--good", "debian:7.2", "--bad", "debian:7.3", "--directory", "", "test.py", "-k", ""],
    ],
)
def test_an_empty_argument_is_not_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    (tmp_path / "new.xml").write_text('<testsuite><testcase classname="c" name="n"/></testsuite>')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUSTBED_CACHE", str(tmp_path / "cache"))
    assert main(words) == 2
    assert "an argument is empty" in capsys.readouterr().err


def test_an_empty_argument_of_pytest_or_of_a_program_in_the_guest_is_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mutate", str(tmp_path), "--list", "-k", ""]) == 2
    assert "an argument is empty" not in capsys.readouterr().err
    assert main(["boot", "--kernel", f"tree:{tmp_path}/nothing", "--", "grep", ""]) == 2
    assert "there is no directory" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["tree", "built", "tarball"])
def test_kernel_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path, kind: str) -> None:
    cache, place = tmp_path / "cache", tmp_path / "nothing"
    done = rustbed("build", "--kernel", f"{kind}:{place}", "--arch", "x86_64", cache=cache)
    assert done.returncode == 2
    assert f"rustbed: {kind}:{place}: there is no " in done.stderr
    # the toolroot, above all, which takes minutes
    assert not cache.exists()


def test_clean_removes_what_it_is_told(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for kind in ("kernels", "images"):
        (cache / kind / "entry").mkdir(parents=True)
    mark(cache)
    assert rustbed("clean", "images", cache=cache).returncode == 0
    assert [path.name for path in cache.iterdir() if path.is_dir()] == ["kernels"]
    done = rustbed("clean", "nothing", cache=cache)
    assert (done.returncode, (cache / "kernels").exists()) == (2, True)
    assert "the cache has no nothing" in done.stderr
    assert rustbed("clean", cache=cache).returncode == 0
    assert not cache.exists()
    assert rustbed("clean", cache=cache).stdout == f"there is no cache at {cache}\n"


def test_clean_leaves_a_directory_alone_that_is_not_a_cache(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    for words in (["clean"], ["clean", "thesis"]):
        done = rustbed(*words, cache=tmp_path)
        assert done.returncode == 2
        assert f"{tmp_path} is not a cache of rustbed" in done.stderr
        assert (tmp_path / "thesis").is_dir()


def test_doctor_names_what_is_there(tmp_path: Path) -> None:
    done = rustbed("doctor", cache=tmp_path)
    assert "mmdebstrap" in done.stdout
    assert "none yet: made when first needed" in done.stdout


def test_a_run_that_is_not_there_cannot_be_packed(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "rustbed.cli", "repro", "pack", str(tmp_path / "nothing")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not a run directory" in done.stderr


@pytest.mark.parametrize("action", ["list", "verify", "prune", "pull"])
def test_a_directory_without_packs_is_wrong_usage(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, lacks in ((tmp_path / "no", "there is no such directory"), (tmp_path, "it has no index.json")):
        assert main(["pack", action, str(place)]) == 2
        assert f"no packs are in {place}: {lacks}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("called", "shown"),
    [(None, "rustbed test"), ("./rustbed", "./rustbed test"), ("/a b/rustbed", "'/a b/rustbed' test")],
)
def test_hints_are_commands_as_this_user_can_type_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str | None, shown: str
) -> None:
    monkeypatch.delenv("RUSTBED_COMMAND", raising=False)
    if called is not None:
        monkeypatch.setenv("RUSTBED_COMMAND", called)
    argv = [sys.executable, "-m", "rustbed.cli", "repro", "list", str(tmp_path / "nothing")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"fix  {shown}, or name a session" in done.stderr


def test_check_refuses_where_the_project_is_not(tmp_path: Path) -> None:
    installed = tmp_path / "site/rustbed"
    shutil.copytree(Path(rustbed_package.__file__).parent, installed)
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from rustbed.cli.main import main; sys.exit(main())"
    )
    argv = [sys.executable, "-c", code, str(installed.parent), "check"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "check is the gate of rustbed itself" in done.stderr


def test_a_cache_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = rustbed("build", "--arch", "x86_64", cache=tmp_path / "file/below")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert f"{tmp_path}/file" in done.stderr
    assert "Not a directory" in done.stderr


def test_a_terminal_that_shows_ascii_only_gets_question_marks(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text("[    4.200000] WARNING: drivers/töy.c:8 at toy_probe+0x2f/0x90\n")
    argv = [sys.executable, "-m", "rustbed.cli", "explain", str(log)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(argv, env=env, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"drivers/t?y.c:8" in done.stdout


def into(stdout: int, *words: str, cwd: Path) -> tuple[int, str]:
    """Return the status and the complaints of a command whose output is buffered, as usual."""
    (cwd / "a.log").write_text("[    4.100000] toy: ready\n")
    argv = [sys.executable, "-m", "rustbed.cli", *words]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        argv, cwd=cwd, env=env, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [["--help"], ["explain", "--help"], ["explain", "a.log"], ["doctor"]])
def test_a_reader_that_goes_away_gets_no_complaint(tmp_path: Path, words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer):
        assert into(writer, *words, cwd=tmp_path) == (141, "")


@pytest.mark.parametrize("words", [["--help"], ["explain", "a.log"], ["explain", "--json", "a.log"]])
def test_output_that_cannot_be_written_is_one_line(tmp_path: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        status, complaint = into(full.fileno(), *words, cwd=tmp_path)
    assert (status, complaint) == (3, "rustbed: standard output: No space left on device\n")


def test_a_new_directory_is_whole_though_nobody_reads_its_list(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer):
        assert into(writer, "new", "toy", "--bus", "pci", cwd=tmp_path) == (141, "")
    assert len([path for path in (tmp_path / "toy").rglob("*") if path.is_file()]) == 8
