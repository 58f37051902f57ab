"""Makes the pictures of README.md: `python -m tests.pictures [STUDY] [STORE]`.

In: a finished study and its store (by default the quickstart in catsweep-store). Out: its report
in the store; the top of its page, `reports/pictures/page.png`, and its table of the test set, else
of the dev set, as `reports/pictures/table.png`. It needs Debian's chromium, pdflatex and
pdftoppm.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops

PICTURES: Final = Path(__file__).parents[1] / "reports" / "pictures"
WIDTH: Final = 1000
COLOURS: Final = 32
"""A palette keeps the files small."""

ARTICLE: Final = r"""\documentclass[10pt,twocolumn,a4paper]{article}
\usepackage{booktabs,graphicx}
\pagestyle{empty}
\begin{document}
\input{%s}
\null\newpage\null
\end{document}
"""


def main(study: str = "quickstart", store: str = "catsweep-store") -> None:
    """Write the report of a study and take both pictures."""
    PICTURES.mkdir(exist_ok=True)
    folder = Path(store).absolute() / "reports" / study
    _run("catsweep", "report", study, "--html", store=store)
    with tempfile.TemporaryDirectory() as name:
        keep_small(take_page(folder / f"{study}.html", Path(name)), "page.png")
        tables = [folder / f"{study}-{split}.tex" for split in ("test", "dev")]
        table = next(table for table in tables if table.exists())
        keep_small(take_table(table, Path(name)), "table.png")


def take_page(page: Path, folder: Path) -> Image.Image:
    """Return the top of a page as Chromium shows it on a wide screen."""
    shot = folder / "page.png"
    flags = ("--headless", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=5000")
    size = ("--window-size=1200,860", f"--screenshot={shot}")
    _run("chromium", *flags, *size, page.as_uri())
    return Image.open(shot)


def take_table(table: Path, folder: Path) -> Image.Image:
    """Return a table as pdflatex sets it in a column, without the rest of the page."""
    (folder / "article.tex").write_text(ARTICLE % table)
    for _ in range(2):
        _run("pdflatex", "-interaction=batchmode", "article.tex", folder=folder)
    _run("pdftoppm", "-r", "200", "-png", "article.pdf", "article", folder=folder)
    pages = [Image.open(file).convert("RGB") for file in sorted(folder.glob("article-*.png"))]
    boxes = [
        ImageChops.difference(page, Image.new("RGB", page.size, "white")).getbbox()
        for page in pages
    ]
    page, box = next((page, box) for page, box in zip(pages, boxes, strict=True) if box)
    left, top, right, bottom = box
    return page.crop((left - 30, top - 30, right + 30, bottom + 30))


def keep_small(picture: Image.Image, name: str) -> None:
    """Write a picture of at most WIDTH columns, with few colours."""
    if picture.width > WIDTH:
        height = round(picture.height * WIDTH / picture.width)
        picture = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    picture.convert("RGB").quantize(COLOURS).save(PICTURES / name, optimize=True)


def _run(*command: str, folder: Path | None = None, store: str | None = None) -> None:
    env = os.environ | ({"CATSWEEP_STORE": str(Path(store).absolute())} if store else {})
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
