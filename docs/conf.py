"""Sphinx's configuration: `sphinx-build -W docs DIRECTORY` makes the site, and fails at any broken link.

The pages stay as they are read in the repository. What a site needs on top is here.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
# pages that live at the top of the repository, by their names on the site
OUTSIDE = {"index": "README.md", "contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}
# a link's target that is neither an address nor within the page
TARGET = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
# pages that list the other pages of their folder
LISTS = ("decisions/README", "findings/README")
OTHERS = "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"

project = "rustbed"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "rustbed"
html_static_path: list[str] = []
# what is not said to be a program is a log or a command
highlight_language = "none"

# links to headlines, as GitHub and GitLab make their anchors
myst_heading_anchors = 4
# docstrings are plain text, in which single backticks mark what is typed
default_role = "code"
autodoc_member_order = "groupwise"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True


def _from_docs(match: re.Match[str]) -> str:
    """Return the target of a link at the top of the repository as it is called from here."""
    target = match[1]
    pages = {name: page for page, name in OUTSIDE.items()}
    if target in pages:
        return f"{pages[target]}.md"
    target = target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}"
    return f"{target}README.md" if target.endswith("/") else target


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the text of a page from the top of the repository in place."""
    if docname in OUTSIDE:
        text = (ROOT / OUTSIDE[docname]).read_text()
        source[0] = TARGET.sub(_from_docs, text) + "\n" + source[0]
        return
    if docname in LISTS:
        source[0] += OTHERS
    for page, name in OUTSIDE.items():
        source[0] = re.sub(rf"(?<=\]\()(?:\.\./)+{re.escape(name)}", f"/{page}.md", source[0])


def setup(app: Sphinx) -> None:
    """Tell Sphinx about what is done to pages."""
    app.connect("source-read", read)
