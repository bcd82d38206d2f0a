"""Drivers of somebody else's project: where they are, and what is said when they do not build."""

from __future__ import annotations

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
    assert len(project.colours()) == 5
