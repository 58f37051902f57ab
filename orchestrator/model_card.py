"""A model card: what a model folder's README.md says of it. Pure.

In: a `Card`. Out: Markdown with the metadata block that the Hugging Face hub reads.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reports.verdicts.verdict import ALPHA, BASELINE, Verdict
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from trainers.data.hub import BUILT_IN
from trainers.records.metrics import get_metric, short_name
from trainers.records.outcome import LabelledExamples, TrialRecord

SHOWN_LABELS = 200
FIRST_SPLITS = ("test", "dev")
"""The split that a card speaks of first, where the trial has it."""
TITLES = {"heldout": "held-out training rows", "test_difficult": "difficult test set"}


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of a model: one trial, the best of `finished`; `method` is its method's title.

    `verdicts` are those of its setting, each with the table that it stands under; `problem` says
    why there are none. `predicted` are its predictions of `split`; `one_class` names the splits of
    which it predicts one class for every example. `license` and `language` are the user's.
    """

    study: str
    task: Task
    config: TrialConfig
    method: str
    record: TrialRecord
    finished: int
    verdicts: Sequence[tuple[str, Verdict]] = ()
    problem: str | None = None
    predicted: LabelledExamples | None = None
    one_class: Sequence[str] = ()
    license: str | None = None
    language: str | None = None

    @property
    def split(self) -> str:
        """The split that the card speaks of first: test, else dev, else the one that chose."""
        return first_split(self.record)

    @property
    def verdict(self) -> Verdict | None:
        """The setting against the baseline's, on that split."""
        return next((one for _, one in self.verdicts if one.split == self.split), None)


def first_split(record: TrialRecord) -> str:
    """Return test, else dev, else the split that chose."""
    return next((split for split in FIRST_SPLITS if split in record.scores), record.selection)


def model_card(card: Card) -> str:
    """Write the card: what the model is and how it did, its use, scores, settings and tests."""
    parts = (
        _metadata(card),
        _what(card),
        _use(card.task, card.config),
        _scores(card),
        _classes(card),
        _settings(card.config),
        _tests(card),
        _origin(card.config, card.record),
    )
    return "\n".join(part for part in parts if part)


def _metadata(card: Card) -> str:
    config, task = card.config, card.task
    fields: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["catsweep", config.method.name],
        "license": card.license or "unknown",
    }
    if card.language:
        fields["language"] = card.language
    if config.encoder not in BUILT_IN and not Path(config.encoder).exists():
        fields["base_model"] = config.encoder
    if task.hub:
        fields["datasets"] = [task.hub.name]
    fields["metrics"] = [_hub_metric(name) for name in card.record.scores[card.split]]
    fields["model-index"] = [{"name": f"{task.title}, {card.method}", "results": _index(card)}]
    return f"---\n{yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)}---\n"


def _index(card: Card) -> list[dict[str, Any]]:
    """The scores of test and dev sets, as the hub reads them."""
    named = {"name": card.task.title, "type": card.task.hub.name if card.task.hub else "local"}
    return [
        {
            "task": {"type": "text-classification"},
            "dataset": {**named, "split": split},
            "metrics": [
                {"type": _hub_metric(name), "name": get_metric(name).title, "value": found.value}
                for name, found in scores.items()
                if not found.undefined
            ],
        }
        for split, scores in card.record.scores.items()
        if split != "heldout"
    ]


def _hub_metric(name: str) -> str:
    """Return the metric's name on the hub, where it is another one."""
    return {"mcc": "matthews_correlation", "macro_f1": "f1"}.get(name, name)


def _what(card: Card) -> str:
    labels = ", ".join(card.record.labels[:SHOWN_LABELS])
    more = " and more, see config.json" if len(card.record.labels) > SHOWN_LABELS else ""
    trials = "trial" if card.finished == 1 else "trials"
    return (
        f"# {card.task.title}, {card.method}\n\n"
        f"{_how_it_did(card)}\n\n"
        f"It is `{card.config.encoder}`, fine-tuned with the method `{card.config.method.name}` by"
        f" catsweep: the best of {card.finished} finished {trials} of study `{card.study}`, chosen"
        f" by {short_name(card.record.metric)} on `{card.record.selection}`.\n\n"
        f"{len(card.record.labels)} labels: {labels}{more}.\n"
    )


def _how_it_did(card: Card) -> str:
    """Say in one sentence what the model is, its score, and whether it beats the baseline."""
    metric = get_metric(card.record.metric)
    score = 100 * card.record.scores[card.split][card.record.metric].value
    title = TITLES.get(card.split, f"{card.split} set")
    return (
        f"A classifier of {card.task.title} texts into {len(card.record.labels)} labels:"
        f" {score:.1f} {metric.title} on the {title}{_beside_the_baseline(card)}."
    )


def _beside_the_baseline(card: Card) -> str:
    if card.config.method.name == BASELINE:
        return ". It is ordinary fine-tuning, the baseline of its study"
    verdict = card.verdict
    if verdict is None:
        return ". There is no ordinary fine-tuning to compare it with"
    points = 100 * abs(verdict.delta)
    where = "above" if verdict.delta > 0 else "below"
    level = f"{points:.1f} points {where}" if verdict.delta else "the same as"
    many = len(verdict.system.trials)
    of = f"; over {many} seeds its setting is" if many > 1 else ","
    return (
        f"{of} {level} ordinary fine-tuning"
        f" ({100 * verdict.baseline.score:.1f}; {_certainty(verdict)})"
    )


def _certainty(verdict: Verdict) -> str:
    if verdict.p_value is None:
        return "not tested"
    value = f"p = {verdict.p_value:.2g}"
    if verdict.remains:
        return f"significant, also after all corrections; {value} before them"
    if verdict.p_value < ALPHA:
        return f"{value}, but not significant after correcting for the choice among settings"
    return f"not significant, {value}"


def _use(task: Task, config: TrialConfig) -> str:
    pair = len(task.text) > 1
    text = '{"text": "a text", "text_pair": "its pair"}' if pair else '"a text"'
    head = (
        "Its head is linear on the last hidden state at [CLS]; a dense layer [W; -W] and [I, -I]"
        " express it exactly in transformers' own classes, because a(z) - a(-z) = z. BERT's and"
        " RoBERTa's layers are stored as ELECTRA's, which are the same.\n"
        if config.head == "linear"
        else ""
    )
    return (
        "## Use\n\n```python\nfrom transformers import pipeline\n\n"
        'classify = pipeline("text-classification", model="THIS FOLDER", truncation=True)\n'
        f"classify({text})\n```\n\n"
        f"No code beside transformers' own is needed. Trained on at most {config.max_length}"
        f" tokens, to which `truncation=True` cuts. {head}"
    )


def _scores(card: Card) -> str:
    record = card.record
    rows = [
        f"| {split} | {metric} | {found.value:.4f}{', undefined' if found.undefined else ''} |"
        for split, scores in record.scores.items()
        for metric, found in scores.items()
    ]
    return "\n".join(
        (
            "## Scores\n",
            "| split | metric | value |\n| --- | --- | ---: |",
            *rows,
            "",
            *(f"{note}\n" for note in _notes(card.task, card.config, record, card.one_class)),
            f"The score on `{record.selection}` chose the model, so it is too high on average."
            f" Weights of epoch {record.selected_epoch} of {card.config.trained_epochs}.\n",
        )
    )


def _classes(card: Card) -> str:
    """A table of each class's precision, recall and F1."""
    if card.predicted is None:
        return ""
    from sklearn.metrics import precision_recall_fscore_support

    names = card.record.labels
    columns = precision_recall_fscore_support(
        card.predicted.gold, card.predicted.predicted, labels=range(len(names)), zero_division=0
    )
    rows = [
        f"| {_cell(name)} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {support} |"
        for name, precision, recall, f1, support in zip(names, *columns, strict=True)
    ][:SHOWN_LABELS]
    return "\n".join(
        (
            f"## Scores of each class on `{card.split}`\n",
            "| label | precision | recall | F1 | examples |\n| --- | ---: | ---: | ---: | ---: |",
            *rows,
            "",
        )
    )


def _cell(text: str) -> str:
    """A label in a cell of a Markdown table."""
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _settings(config: TrialConfig) -> str:
    rows = [f"| {name} | {json.dumps(value)} |" for name, value in config.point.items()]
    every = json.dumps(json.loads(config.canonical_json()), indent=1, sort_keys=True)
    return "\n".join(
        (
            "## Settings\n\n| setting | value |\n| --- | --- |",
            *rows,
            "",
            "<details><summary>All settings, with defaults</summary>\n",
            f"```json\n{every}\n```\n\n</details>\n",
        )
    )


def _notes(
    task: Task, config: TrialConfig, record: TrialRecord, one_class: Sequence[str]
) -> list[str]:
    """Say what the scores do not show of themselves."""
    notes = []
    if one_class:
        splits = ", ".join(f"`{split}`" for split in one_class)
        notes.append(f"The model predicts one class for every example of {splits}.")
    if any(found.undefined for scores in record.scores.values() for found in scores.values()):
        notes.append("Undefined: a 0/0, which counts 0; in macro_f1 that of some class.")
    if config.precision == "bf16":
        notes.append("Scored in bf16; in fp32 the last digits differ.")
    rows, published = config.max_eval_samples, task.counts
    if rows and any(s.startswith("dev") and rows < published.get(s, 0) for s in record.scores):
        notes.append(f"Scored on a random sample of the dev rows: {rows}.")
    return notes


def _tests(card: Card) -> str:
    """Nothing for the baseline itself, and where there is none to compare with."""
    lines = [f"{table}: {one.note()}" for table, one in card.verdicts]
    lines += [f"not tested: {card.problem}"] if card.problem else []
    if not lines:
        return ""
    of = (
        "The tests compare the method's best setting with that of `standard`, on the same task and"
        " encoder. They do not allow for a choice among methods or encoders.\n"
    )
    return "\n".join((f"## Tests against `{BASELINE}`\n", of, "```", *lines, "```\n"))


def _origin(config: TrialConfig, record: TrialRecord) -> str:
    versions = ", ".join(f"{name} {found}" for name, found in record.environment.versions.items())
    prints = ", ".join(f"{name} {found}" for name, found in record.fingerprints.items())
    return (
        f"## Origin\n\nTrial `{config.signature}`, finished {record.finished_at} on"
        f" {record.environment.device}. {versions}.\n\nFingerprints of the data: {prints}.\n"
    )
