"""Tectonic without the network: a bundle of the files that a TeX Live on this machine has.

Tectonic reads all its files from one bundle, by default from the network. A folder that has them
side by side is a bundle, too, with a digest and the file that its LaTeX format is made of.
"""

import atexit
import hashlib
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

FONTS = ("map", "opentype", "tfm", "type1", "enc", "cmap", "misc")
PARTS = ("tex/latex", "tex/generic", "dvipdfmx", *(f"fonts/{kind}" for kind in FONTS))


@cache
def bundle() -> Path | None:
    """Link TeX Live's files into one folder; None where there is no TeX Live."""
    if shutil.which("kpsewhich") is None:
        return None
    asked = ["kpsewhich", "--expand-path=$TEXMF"]
    trees = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    files = {
        path.name: path
        # Of two files of a name, TeX takes the first tree's.
        for tree in reversed(trees.split(":"))
        for part in PARTS
        for path in Path(tree, part).rglob("*")
        if path.is_file()
    }
    folder = Path(tempfile.mkdtemp(prefix="tectonic-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, path in files.items():
        (folder / name).symlink_to(path)
    (folder / "tectonic-format-latex.tex").write_text("\\input xelatex.ini\n", encoding="utf-8")
    digest = hashlib.sha256("\n".join(map(str, sorted(files.values()))).encode()).hexdigest()
    (folder / "SHA256SUM").write_text(digest, encoding="utf-8")
    return folder
