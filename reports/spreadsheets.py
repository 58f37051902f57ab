"""Texts that a spreadsheet shows as they are: one that looks like a formula would be computed.

In: a text of a CSV cell. Out: the same, behind an apostrophe where a spreadsheet would run it, as
OWASP advises ("CSV Injection"). Texts that are plain numbers stay: they compute nothing, and labels
such as -1 would not be found again. Parquet and JSON are for programs, and have texts as they are.
"""

import re
from typing import Final

BEGINS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def for_spreadsheets(text: str) -> str:
    """Put an apostrophe in front of a text that a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(BEGINS) and not NUMBER.fullmatch(text) else text
