"""Compiles tables with whatever LaTeX is there: pdflatex, tectonic or both."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ENGINES = {
    "pdflatex": ["-interaction=nonstopmode", "-halt-on-error", "t.tex"],
    "tectonic": ["--only-cached", "--keep-logs", "t.tex"],
}
LOST = ("Missing character", "Overfull", "LaTeX Warning: Float too large")


def check_compiles(tables: str, folder: Path, options: str = "") -> None:
    """Compile `table` environments as they stand: all characters are there, all lines fit.

    Skips where there is no LaTeX, but never in CI, which must have pdflatex.
    """
    found = [engine for engine in ENGINES if _works(engine, folder)]
    if os.environ.get("CI") and "pdflatex" not in found:
        pytest.fail("CI needs pdflatex: texlive-latex-base and texlive-latex-recommended")
    if not found:
        pytest.skip("neither pdflatex nor tectonic works here")
    for engine in found:
        done = _compile(engine, tables, folder, options)
        log = (folder / "t.log").read_text(encoding="utf-8", errors="replace")
        assert done.returncode == 0, log[-2000:]
        assert not [line for line in log.splitlines() if line.startswith(LOST)]
        assert (folder / "t.pdf").stat().st_size > 1000
        (folder / "t.pdf").unlink()


def _works(engine: str, folder: Path) -> bool:
    """Whether it is there; tectonic also needs the packages on disk: it may not use the network."""
    if shutil.which(engine) is None:
        return False
    return engine == "pdflatex" or _compile(engine, "x\n", folder, "").returncode == 0


def _compile(
    engine: str, body: str, folder: Path, options: str
) -> subprocess.CompletedProcess[bytes]:
    head = f"\\documentclass{options}{{article}}\n\\usepackage{{booktabs,graphicx}}\n"
    text = f"{head}\\begin{{document}}\n{body}\\end{{document}}\n"
    (folder / "t.tex").write_text(text, encoding="utf-8")
    return subprocess.run(
        [engine, *ENGINES[engine]], cwd=folder, capture_output=True, check=False, timeout=120
    )
