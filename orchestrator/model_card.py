"""A model card: what a model folder's README.md says of it. Pure.

In: a trial's settings, its record, the study's name, from how many trials it was chosen, the lines
of its tests, and the splits of which it predicts one class for every example. Out: Markdown with
the metadata block that the hub reads. The licence is the user's to add.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from trainers.data.hub import BUILT_IN
from trainers.records.metrics import short_name
from trainers.records.outcome import TrialRecord

SHOWN_LABELS = 200


def model_card(
    study: str,
    task: Task,
    config: TrialConfig,
    record: TrialRecord,
    finished: int,
    tests: Sequence[str],
    one_class: Sequence[str],
) -> str:
    """Write the card of one trial, the best of `finished`, with its tables' lines of tests."""
    parts = (
        _metadata(config),
        _what(study, task, config, record, finished),
        _use(task, config),
        _scores(task, config, record, one_class),
        _tests(tests),
        _origin(config, record),
    )
    return "\n".join(part for part in parts if part)


def _metadata(config: TrialConfig) -> str:
    of_the_hub = config.encoder not in BUILT_IN and not Path(config.encoder).exists()
    base = f"base_model: {json.dumps(config.encoder)}\n" if of_the_hub else ""
    return (
        "---\nlibrary_name: transformers\npipeline_tag: text-classification\n"
        f"tags: [catsweep, {config.method.name}]\n{base}---\n"
    )


def _what(study: str, task: Task, config: TrialConfig, record: TrialRecord, finished: int) -> str:
    labels = ", ".join(record.labels[:SHOWN_LABELS])
    more = " and more, see config.json" if len(record.labels) > SHOWN_LABELS else ""
    return (
        f"# {task.title}, {config.method.name}\n\n"
        f"A text classifier, fine-tuned from `{config.encoder}` by catsweep: the best of"
        f" {finished} finished trial{'' if finished == 1 else 's'} of study `{study}`,"
        f" chosen by {short_name(record.metric)} on `{record.selection}`.\n\n"
        f"{len(record.labels)} labels: {labels}{more}.\n"
    )


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


def _scores(task: Task, config: TrialConfig, record: TrialRecord, one_class: Sequence[str]) -> str:
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
            *(f"{note}\n" for note in _notes(task, config, record, one_class)),
            f"The score on `{record.selection}` was used to choose: it flatters the model. Weights"
            f" of epoch {record.selected_epoch} of {config.trained_epochs}.\n",
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


def _tests(lines: Sequence[str]) -> str:
    """Nothing for the baseline itself, and where there is none to compare with."""
    if not lines:
        return ""
    of = (
        "Of the method's own cell: its best trial against that of `standard` on the same task and"
        " encoder. They do not allow for a choice among methods or encoders.\n"
    )
    return "\n".join(("## Tests against `standard`\n", of, "```", *lines, "```\n"))


def _origin(config: TrialConfig, record: TrialRecord) -> str:
    settings = json.dumps(json.loads(config.canonical_json()), indent=1, sort_keys=True)
    versions = ", ".join(f"{name} {found}" for name, found in record.environment.versions.items())
    prints = ", ".join(f"{name} {found}" for name, found in record.fingerprints.items())
    return (
        f"## Origin\n\nTrial `{record.signature}`, finished {record.finished_at} on"
        f" {record.environment.device}. {versions}.\n\nFingerprints: {prints}.\n\n"
        f"```json\n{settings}\n```\n"
    )
