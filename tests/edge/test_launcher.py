"""The launcher, where what it needs is missing: a stand-in for python3 is on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent

# answers as python3 does, as far as the launcher asks; NO_VENV, OLD and NO_NETWORK take things away
PYTHON = r"""#!/bin/sh
case "$*" in
*version_info*) [ -z "${OLD:-}" ] ;;
*ensurepip*) [ -z "${NO_VENV:-}" ] ;;
-V) echo "Python 3.${OLD:-11}.0" ;;
"-m venv"*)
	for directory; do :; done
	mkdir -p "$directory/bin"
	cat >"$directory/bin/python" <<'END'
#!/bin/sh
case "$*" in
*pip*) [ -z "${NO_NETWORK:-}" ] ;;
*called*) echo "$RUSTBED_COMMAND" ;;
*compiled*) echo "${PYTHONDONTWRITEBYTECODE:-written}" "${PYTHONPYCACHEPREFIX:-beside}" ;;
*) echo ran "$@" ;;
esac
END
	chmod +x "$directory/bin/python"
	;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("rustbed", "pyproject.toml"):
        shutil.copy(PROJECT / name, tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("python3", PYTHON), ("mmdebstrap", "#!/bin/sh\n"), ("bwrap", "#!/bin/sh\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    shutil.copy(programs / "bwrap", programs / "newuidmap")
    return tmp_path


def launch(checkout: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUSTBED")}
    path = f"{checkout}/bin:{os.environ['PATH']}"
    return subprocess.run(
        [str(checkout / "rustbed"), *words],
        env={**clean, "PATH": path, "RUSTBED_NO_APT": "1", **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_sets_up_once_and_hands_its_words_over(checkout: Path) -> None:
    first = launch(checkout, "boot", "--", "a b")
    assert (first.returncode, first.stdout) == (0, "ran -m rustbed.cli boot -- a b\n")
    assert "setting up" in first.stderr
    assert launch(checkout, "doctor").stderr == ""


def test_hints_name_the_launcher_as_it_was_called(checkout: Path) -> None:
    assert launch(checkout, "called?").stdout == f"{checkout}/rustbed\n"


@pytest.mark.parametrize(("forbidden", "kept"), [("", "written beside"), ("1", "written {0}/.venv/compiled")])
def test_compiled_files_are_kept_out_of_the_sources_where_that_is_wanted(
    checkout: Path, forbidden: str, kept: str
) -> None:
    done = launch(checkout, "compiled?", PYTHONDONTWRITEBYTECODE=forbidden, PYTHONPYCACHEPREFIX="")
    assert done.stdout == kept.format(checkout) + "\n"


def test_changed_project_file_sets_up_anew(checkout: Path) -> None:
    launch(checkout)
    with (checkout / "pyproject.toml").open("a") as stream:
        stream.write("# newer\n")
    assert "setting up" in launch(checkout).stderr


def test_missing_venv_names_the_package(checkout: Path) -> None:
    done = launch(checkout, NO_VENV="1")
    assert done.returncode == 1
    assert "python3-venv is not installed" in done.stderr
    assert "apt-get install python3-venv" in done.stderr


def test_missing_network_is_guessed_and_the_next_try_starts_over(checkout: Path) -> None:
    done = launch(checkout, NO_NETWORK="1")
    assert done.returncode == 1
    assert "is there a network?" in done.stderr
    assert launch(checkout).returncode == 0


def test_old_python_is_refused_with_the_way_out(checkout: Path) -> None:
    done = launch(checkout, OLD="10")
    assert done.returncode == 1
    assert "Python 3.10.0 is too old, 3.11 is needed" in done.stderr
    assert "RUSTBED_PYTHON=" in done.stderr


def test_missing_python_says_what_to_install(checkout: Path) -> None:
    done = launch(checkout, RUSTBED_PYTHON="python9")
    assert done.returncode == 1
    assert "python9 is not installed" in done.stderr
