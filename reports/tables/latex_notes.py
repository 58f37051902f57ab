r"""A table's notes as LaTeX, for an appendix: `\input` it there.

In: a `Table`. Out: a string that compiles in an article, without packages. The signatures of its
comparisons stand with the table, as comments.
"""

import re
from typing import Final

from reports.tables.latex import label_of
from reports.tables.latex_text import escape
from reports.tables.table import Table

BREAKS: Final = re.compile(r"(/|\\_|:|\.)(?=[A-Za-z0-9\\])(?!\\allowbreak)")
"""Where a name without spaces may be broken."""


def to_latex_notes(table: Table) -> str:
    """Render a paragraph that names the table, and a list of its notes."""
    items = [rf"\item {BREAKS.sub(_breakable, escape(note))}" for note in table.notes]
    if not items:
        return "% no notes\n"
    return "\n".join(
        [
            rf"\paragraph{{Notes on Table~\ref{{tab:{label_of(table.name)}}}.}}",
            r"\begin{itemize}\raggedright",
            *items,
            r"\end{itemize}",
            "",
        ]
    )


def _breakable(found: re.Match[str]) -> str:
    return rf"{found[1]}\allowbreak{{}}"
