"""The model card, the README.md of a model folder.

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
"""The splits that a card reports first, if the trial has them."""
TITLES = {"heldout": "held-out training rows", "test_difficult": "difficult test set"}


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known about a model: its trial, the best of `finished`, and its method's title.

    `verdicts` are those on its setting, each with the name of its table; `problem` says why there
    are none. `predicted` are its predictions on `split`; `one_class` lists the splits on which it
    predicts the same class for every example. `license` and `language` come from the user.
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
        """The split that the card reports first: test, else dev, else the selection split."""
        return choose_split(self.record)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the setting against the baseline's, on that split."""
        return next((one for _, one in self.verdicts if one.split == self.split), None)


def choose_split(record: TrialRecord) -> str:
    """Return test, else dev, else the split that the model was selected on."""
    return next((split for split in FIRST_SPLITS if split in record.scores), record.selection)


def model_card(card: Card) -> str:
    """Return the text of the card: description, use, scores, settings, tests and origin."""
    parts = (
        _metadata(card),
        _describe_model(card),
        _describe_use(card.task, card.config),
        _list_scores(card),
        _list_classes(card),
        _list_settings(card.config),
        _list_tests(card),
        _describe_origin(card.config, card.record),
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
    fields["model-index"] = [
        {"name": f"{task.title}, {card.method}", "results": _index_scores(card)}
    ]
    return f"---\n{yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)}---\n"


def _index_scores(card: Card) -> list[dict[str, Any]]:
    """Return the scores on test and dev sets in the format of the hub."""
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
    """Return the metric's name on the hub."""
    return {"mcc": "matthews_correlation", "macro_f1": "f1"}.get(name, name)


def _describe_model(card: Card) -> str:
    labels = ", ".join(card.record.labels[:SHOWN_LABELS])
    more = " and more, see config.json" if len(card.record.labels) > SHOWN_LABELS else ""
    trials = "trial" if card.finished == 1 else "trials"
    return (
        f"# {card.task.title}, {card.method}\n\n"
        f"{_describe_result(card)}\n\n"
        f"It is `{card.config.encoder}`, fine-tuned with the method `{card.config.method.name}` by"
        f" catsweep: the best of {card.finished} finished {trials} of study `{card.study}`, chosen"
        f" by {short_name(card.record.metric)} on `{card.record.selection}`.\n\n"
        f"{len(card.record.labels)} labels: {labels}{more}.\n"
    )


def _describe_result(card: Card) -> str:
    """Describe in one sentence the model, its score, and whether it beats the baseline."""
    metric = get_metric(card.record.metric)
    score = 100 * card.record.scores[card.split][card.record.metric].value
    title = TITLES.get(card.split, f"{card.split} set")
    return (
        f"A classifier of {card.task.title} texts into {len(card.record.labels)} labels:"
        f" {score:.1f} {metric.title} on the {title}{_compare_with_baseline(card)}."
    )


def _compare_with_baseline(card: Card) -> str:
    if card.config.method.name == BASELINE:
        return ". It is ordinary fine-tuning, the baseline of its study"
    verdict = card.verdict
    if verdict is None:
        return ". There is no ordinary fine-tuning to compare it with"
    points = 100 * abs(verdict.delta)
    where = "above" if verdict.delta > 0 else "below"
    level = f"{points:.1f} points {where}" if verdict.delta else "the same as"
    n_seeds = len(verdict.system.trials)
    subject = f"; over {n_seeds} seeds its setting is" if n_seeds > 1 else ","
    return (
        f"{subject} {level} ordinary fine-tuning"
        f" ({100 * verdict.baseline.score:.1f}; {_describe_test(verdict)})"
    )


def _describe_test(verdict: Verdict) -> str:
    if verdict.p_value is None:
        return "not tested"
    value = f"p = {verdict.p_value:.2g}"
    if verdict.remains:
        return f"significant, also after all corrections; {value} before them"
    if verdict.p_value < ALPHA:
        return f"{value}, but not significant after correcting for the choice among settings"
    return f"not significant, {value}"


def _describe_use(task: Task, config: TrialConfig) -> str:
    pair = len(task.text) > 1
    text = '{"text": "a text", "text_pair": "its pair"}' if pair else '"a text"'
    head = (
        "Its head is linear on the last hidden state at [CLS]. In transformers' own classes it is a"
        " dense layer [W; -W] followed by [I, -I], which is exactly the same because"
        " a(z) - a(-z) = z. Layers of BERT and RoBERTa are stored as ELECTRA's, which are equal.\n"
        if config.head == "linear"
        else ""
    )
    return (
        "## Use\n\n```python\nfrom transformers import pipeline\n\n"
        'classify = pipeline("text-classification", model="THIS FOLDER", truncation=True)\n'
        f"classify({text})\n```\n\n"
        f"Only transformers is needed. The model was trained on at most {config.max_length}"
        f" tokens per example; `truncation=True` cuts longer ones. {head}"
    )


def _list_scores(card: Card) -> str:
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
            *(
                f"{note}\n"
                for note in _describe_caveats(card.task, card.config, record, card.one_class)
            ),
            f"The model was selected by its score on `{record.selection}`, so this score is too"
            f" high on average. Weights of epoch {record.selected_epoch} of"
            f" {card.config.trained_epochs}.\n",
        )
    )


def _list_classes(card: Card) -> str:
    """Return a table of precision, recall and F1 per class."""
    if card.predicted is None:
        return ""
    from sklearn.metrics import precision_recall_fscore_support

    names = card.record.labels
    columns = precision_recall_fscore_support(
        card.predicted.gold, card.predicted.predicted, labels=range(len(names)), zero_division=0
    )
    rows = [
        f"| {_escape_cell(name)} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {support} |"
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


def _escape_cell(text: str) -> str:
    """Escape a label for a cell of a Markdown table."""
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _list_settings(config: TrialConfig) -> str:
    rows = [f"| {name} | {json.dumps(value)} |" for name, value in config.point.items()]
    all_settings = json.dumps(json.loads(config.canonical_json()), indent=1, sort_keys=True)
    return "\n".join(
        (
            "## Settings\n\n| setting | value |\n| --- | --- |",
            *rows,
            "",
            "<details><summary>All settings, with defaults</summary>\n",
            f"```json\n{all_settings}\n```\n\n</details>\n",
        )
    )


def _describe_caveats(
    task: Task, config: TrialConfig, record: TrialRecord, one_class: Sequence[str]
) -> list[str]:
    """Return notes on what the scores alone do not show."""
    notes = []
    if one_class:
        splits = ", ".join(f"`{split}`" for split in one_class)
        notes.append(f"The model predicts the same class for every example of {splits}.")
    if any(found.undefined for scores in record.scores.values() for found in scores.values()):
        notes.append("Undefined: 0/0, which counts as 0 (for macro_f1, in at least one class).")
    if config.precision == "bf16":
        notes.append("Scored in bf16; in fp32 the last digits differ.")
    rows, published = config.max_eval_samples, task.counts
    if rows and any(s.startswith("dev") and rows < published.get(s, 0) for s in record.scores):
        notes.append(f"Scored on a random sample of the dev rows: {rows}.")
    return notes


def _list_tests(card: Card) -> str:
    """Return the tests; empty for the baseline itself, and without a baseline."""
    lines = [f"{table}: {one.signature()}" for table, one in card.verdicts]
    lines += [f"not tested: {card.problem}"] if card.problem else []
    if not lines:
        return ""
    explanation = (
        "The tests compare the method's best setting with that of `standard`, on the same task and"
        " encoder. They do not correct for a choice among methods or encoders.\n"
    )
    return "\n".join((f"## Tests against `{BASELINE}`\n", explanation, "```", *lines, "```\n"))


def _describe_origin(config: TrialConfig, record: TrialRecord) -> str:
    versions = ", ".join(f"{name} {found}" for name, found in record.environment.versions.items())
    fingerprints = ", ".join(f"{name} {found}" for name, found in record.fingerprints.items())
    return (
        f"## Origin\n\nTrial `{config.signature}`, finished {record.finished_at} on"
        f" {record.environment.device}. {versions}.\n\nFingerprints of the data: {fingerprints}.\n"
    )
