"""Compiles tables with whatever LaTeX is there: pdflatex, tectonic or both."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.reports.tectonic import bundle

ENGINES = ("pdflatex", "tectonic")
LOST = ("Missing character", "Overfull", "LaTeX Warning: Float too large")


def check_compiles(tables: str, folder: Path, options: str = "") -> None:
    """Compile `table` environments as they stand: all characters are there, all lines fit.

    Skips where there is no LaTeX, but never in CI, which must have both.
    """
    found = [engine for engine in ENGINES if _works(engine)]
    if os.environ.get("CI") and found != [*ENGINES]:
        pytest.fail(f"CI needs {' and '.join(ENGINES)}, found {' and '.join(found)}")
    if not found:
        pytest.skip("neither pdflatex nor tectonic, with the files of a TeX Live, is here")
    for engine in found:
        done = _compile(engine, tables, folder, options)
        log = (folder / "t.log").read_text(encoding="utf-8", errors="replace")
        assert done.returncode == 0, log[-2000:]
        assert not [line for line in log.splitlines() if line.startswith(LOST)]
        assert (folder / "t.pdf").stat().st_size > 1000
        (folder / "t.pdf").unlink()


def _works(engine: str) -> bool:
    return shutil.which(engine) is not None and (engine != "tectonic" or bundle() is not None)


def _compile(
    engine: str, body: str, folder: Path, options: str
) -> subprocess.CompletedProcess[bytes]:
    head = f"\\documentclass{options}{{article}}\n\\usepackage{{booktabs,graphicx}}\n"
    text = f"{head}\\begin{{document}}\n{body}\\end{{document}}\n"
    (folder / "t.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    if engine == "tectonic":
        command = ["tectonic", "--bundle", str(bundle()), "--keep-logs", "t.tex"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)
