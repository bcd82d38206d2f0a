"""Commands of rustbed that several files of this directory run, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def gate(*words: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "rustbed.cli", "gate", *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
