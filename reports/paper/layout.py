"""How the paper lays out its Tables 3 to 10: LAYOUTS, by number.

Out: for each table its title, its tasks in the paper's order, the split that it shows, and its
systems from top to bottom, by the names of cells (`search_spaces/cells.py`).
"""

from typing import Final

from reports.tables.layout import Layout
from search_spaces.methods import METHODS

INTENTS: Final = ("clinc150", "banking77", "hwu64")
GLUE: Final = ("mnli", "qqp", "qnli", "mrpc", "rte", "cola", "sst2")

TASKS_OF: Final = {1: GLUE, 2: INTENTS}
"""What Tables 1 and 2 describe."""


def _named(*methods: str) -> dict[str, str]:
    return {method: METHODS[method].title for method in methods}


LAYOUTS: Final[dict[int, Layout]] = {
    3: Layout(
        title="Results on the dev sets of GLUE.",
        tasks=GLUE,
        split="dev",
        systems=_named("standard", "cat", "scl", "pgd", "freeat", "freelb"),
    ),
    4: Layout(
        title="Results on the full test sets of the intent tasks.",
        tasks=INTENTS,
        split="test",
        systems=_named("standard", "cat"),
    ),
    5: Layout(
        title="Results on the difficult test sets of the intent tasks.",
        tasks=INTENTS,
        split="test_difficult",
        systems=_named("standard", "cat"),
    ),
    6: Layout(
        title="Sample efficiency: results on the full test sets of the intent tasks.",
        tasks=INTENTS,
        split="test",
        systems=_named("standard", "cat"),
        training=True,
    ),
    7: Layout(
        title="Ablation: results on the dev sets of GLUE.",
        tasks=GLUE,
        split="dev",
        systems=_named("standard", "at", "cat"),
    ),
    8: Layout(
        title="Ablation: results on the difficult test sets of the intent tasks.",
        tasks=INTENTS,
        split="test_difficult",
        systems=_named("standard", "at", "cat"),
    ),
    9: Layout(
        title=(
            "Perturbation of word embeddings (AT^x) and of the word embedding matrix (AT^V):"
            " results on the dev sets of GLUE."
        ),
        tasks=GLUE,
        split="dev",
        systems={"cat perturb=embedding": "AT^x + CTR", "cat": "AT^V + CTR"},
    ),
    10: Layout(
        title=(
            "Max norm or l2-norm at random for each batch, and max norm alone: results on the dev"
            " sets of GLUE."
        ),
        tasks=("mnli", "qnli", "mrpc", "rte", "cola", "sst2"),
        split="dev",
        systems={
            "cat norm=mix": "AT + CTR (max norm/l2-norm)",
            "cat": "AT + CTR (max norm)",
        },
    ),
}
