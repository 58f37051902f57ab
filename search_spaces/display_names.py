"""Display names of methods, encoders and tasks in tables: a study's labels, else shipped titles.

In: the name used in a study. Out: the name that readers know, such as MiniLM for
`packaged:minilm`. A name without a title is shown as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from search_spaces.methods import METHODS
from search_spaces.tasks import Task

ENCODERS: Final[dict[str, str]] = {
    "tiny": "Tiny",
    "packaged:minilm": "MiniLM",
    "FacebookAI/roberta-base": "RoBERTa-base",
    "FacebookAI/roberta-large": "RoBERTa-large",
    "google-bert/bert-base-uncased": "BERT-base",
    "google-bert/bert-large-uncased": "BERT-large",
}
SHIPPED: Final[Mapping[str, str]] = ENCODERS | {name: m.title for name, m in METHODS.items()}


@dataclass(frozen=True, kw_only=True)
class DisplayNames:
    """Looks names up in a study's `labels` first, then in the `titles` of the package."""

    labels: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=lambda: SHIPPED)

    def __call__(self, name: str) -> str:
        """Return the display name of a method, a variant (`cat norm=mix`) or an encoder."""
        if name in self.labels:
            return self.labels[name]
        if name in self.titles:
            return self.titles[name]
        method, space, options = name.partition(" ")
        return f"{self(method)} {options}" if space else name

    def task(self, task: Task) -> str:
        """Return the display name of a task."""
        return self.labels.get(task.name, task.title)

    def cell(self, task: Task, encoder: str, method: str) -> str:
        """Name a cell or a comparison: `RTE MiniLM CAT`."""
        parts = (self.task(task), self(encoder), self(method))
        return " ".join(part for part in parts if part)


AS_GIVEN: Final = DisplayNames(titles={})
"""For results that belong to no study: every name as it is."""
