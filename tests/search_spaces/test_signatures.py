"""The names of shipped trials stay: a new one would train what a store already has."""

import hashlib

import pytest

from search_spaces.study import list_shipped_studies, load_study

SHIPPED = {
    "beyond": (700, "8445b1e0b0bc"),
    "intents-minilm": (30, "40e5bd648181"),
    "paper": (22_044, "68177009d373"),
    "paper-mini": (98, "df058f45b2e4"),
    "quickstart": (15, "c85c11fac26f"),
    "seeds-minilm": (30, "58971567675f"),
    "table1": (0, "e3b0c44298fc"),
    "table1-mini": (0, "e3b0c44298fc"),
    "table10": (8_640, "16da18135d90"),
    "table10-mini": (20, "5c81fb3febb4"),
    "table2": (0, "e3b0c44298fc"),
    "table2-mini": (0, "e3b0c44298fc"),
    "table3": (7_791, "a93af2f700fa"),
    "table3-mini": (48, "438b9c480dfe"),
    "table4": (1_089, "d747e1acb818"),
    "table4-mini": (8, "58cdf4d09ff9"),
    "table5": (1_089, "d747e1acb818"),
    "table5-mini": (8, "58cdf4d09ff9"),
    "table6": (1_089, "1ca6d6dabe34"),
    "table6-mini": (8, "f0315c5f6e8f"),
    "table7": (5_250, "6f66967f20af"),
    "table7-mini": (36, "c84502632ee6"),
    "table8": (1_125, "92936ca44880"),
    "table8-mini": (12, "06c251c061a6"),
    "table9": (15_120, "d5fbab1dac73"),
    "table9-mini": (24, "fcd0fc6dab24"),
}
"""How many trials a shipped study has, and a digest of their signatures in the study's order."""


WHOLE = [
    pytest.param(n, marks=pytest.mark.full if n == "paper" else ()) for n in list_shipped_studies()
]


@pytest.mark.parametrize("name", WHOLE)  # `paper` has the trials of its tables.
def test_no_shipped_trial_changes_its_name(name: str) -> None:
    trials = load_study(name).trials()
    told = " ".join(trial.signature for trial in trials)
    assert (len(trials), hashlib.sha256(told.encode()).hexdigest()[:12]) == SHIPPED[name]
