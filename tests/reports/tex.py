"""Compiles tables with whatever LaTeX is there: pdflatex, tectonic or both."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ENGINES = {
    "pdflatex": ["-interaction=nonstopmode", "-halt-on-error", "t.tex"],
    # Without its bundle of packages on disk it would look for one on the network.
    "tectonic": ["--only-cached", "--keep-logs", "t.tex"],
}
LOST = ("Missing character", "Overfull", "LaTeX Warning: Float too large")


def check_compiles(tables: str, folder: Path, options: str = "") -> None:
    """Compile `table` environments as they stand: all characters are there, all lines fit.

    Skips where there is no LaTeX, but never in CI, which must have pdflatex.
    """
    found = {engine: path for engine in ENGINES if (path := shutil.which(engine))}
    if os.environ.get("CI") and "pdflatex" not in found:
        pytest.fail("CI needs pdflatex: texlive-latex-base and texlive-latex-recommended")
    if not found:
        pytest.skip("neither pdflatex nor tectonic is on PATH")
    head = f"\\documentclass{options}{{article}}\n\\usepackage{{booktabs,graphicx}}\n"
    body = f"\\begin{{document}}\n{tables}\\end{{document}}\n"
    (folder / "t.tex").write_text(head + body, encoding="utf-8")
    for engine, path in found.items():
        done = subprocess.run(
            [path, *ENGINES[engine]], cwd=folder, capture_output=True, check=False, timeout=120
        )
        log = (folder / "t.log").read_text(encoding="utf-8", errors="replace")
        assert done.returncode == 0, log[-2000:]
        assert not [line for line in log.splitlines() if line.startswith(LOST)]
        assert (folder / "t.pdf").stat().st_size > 1000
        (folder / "t.pdf").unlink()
