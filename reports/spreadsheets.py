"""Protect CSV texts from being run as formulas by a spreadsheet.

In: a text of a CSV cell. Out: the same text, after an apostrophe if a spreadsheet would run it, as
OWASP recommends ("CSV Injection"). Plain numbers are left unchanged: they are harmless, and labels
such as -1 must stay recognizable. Parquet and JSON are for programs and have all texts unchanged.
"""

import re
from typing import Final

BEGINS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def for_spreadsheets(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(BEGINS) and not NUMBER.fullmatch(text) else text
