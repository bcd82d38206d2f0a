"""The documentation as a site: built as its recipes do, from a copy with two links that lead nowhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import rustbed

pytest.importorskip("sphinx")
pytest.importorskip("myst_parser")
pytest.importorskip("furo")

ROOT = Path(__file__).parent.parent.parent
BROKEN = "# A page\n\n[one](nowhere.md), [two](ci.md#no-such-headline)\n"


@dataclass(frozen=True, kw_only=True)
class Site:
    directory: Path
    # a line for each warning; with -W each would be an error
    warnings: tuple[str, ...]

    def text(self, page: str) -> str:
        return (self.directory / page).read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    place = tmp_path_factory.mktemp("repository")
    for path in ROOT.iterdir():
        if path.name not in ("docs", "results", ".git"):
            (place / path.name).symlink_to(path)
    shutil.copytree(ROOT / "docs", place / "docs")
    (place / "docs" / "findings" / "broken.md").write_text(BROKEN.replace("](ci", "](../ci"))
    # without -W: all warnings are wanted, and the pages besides
    argv = [sys.executable, "-m", "sphinx", "-q", "-w", str(place / "warnings"), "docs", "site"]
    done = subprocess.run(argv, cwd=place, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr
    lines = re.sub(r"\x1b\[[0-9;]*m", "", (place / "warnings").read_text()).splitlines()
    return Site(directory=place / "site", warnings=tuple(lines))


def test_links_that_lead_nowhere_are_named_and_there_are_no_others(site: Site) -> None:
    assert [line for line in site.warnings if "/findings/broken.md:3" not in line] == []
    named = [re.findall(r"nowhere\.md|no-such-headline", line) for line in site.warnings]
    assert sorted(named) == [["no-such-headline"], ["nowhere.md"]]


def test_every_name_for_test_authors_is_in_the_reference(site: Site) -> None:
    page = site.text("api.html")
    assert [name for name in rustbed.__all__ if f'id="rustbed.{name}"' not in page] == []


def test_methods_come_with_their_words(site: Site) -> None:
    page = site.text("api.html")
    assert 'id="rustbed.Vm.wait_log"' in page
    assert "Issue one lseek(2) and return the new offset." in page


def test_readme_is_the_front_page_and_leads_to_the_others(site: Site) -> None:
    front = site.text("index.html")
    assert "Your first driver" in front
    for target in ("writing-tests.html", "decisions/README.html", "contributing.html", "changelog.html"):
        assert f'href="{target}"' in front


def test_pages_have_their_pictures_and_are_searched(site: Site) -> None:
    assert 'src="_images/report-overview.png"' in site.text("ci.html")
    assert (site.directory / "_images" / "report-overview.png").exists()
    assert "failslab" in site.text("searchindex.js")
