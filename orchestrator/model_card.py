"""A model card: what a model folder's README.md says of it. Pure.

In: a trial's settings, its record, the study's name, from how many trials it was chosen, and the
lines of its tests. Out: Markdown with the metadata block that the hub reads. The licence is the
user's to add.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from search_spaces.trial import TrialConfig
from trainers.hub import BUILT_IN
from trainers.outcome import TrialRecord
from trainers.tasks import get_task

SHOWN_LABELS = 200


def model_card(
    study: str, config: TrialConfig, record: TrialRecord, finished: int, tests: Sequence[str]
) -> str:
    """Write the card of one trial, the best of `finished`, with its tables' lines of tests."""
    parts = (
        _metadata(config),
        _what(study, config, record, finished),
        _use(config),
        _scores(config, record),
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


def _what(study: str, config: TrialConfig, record: TrialRecord, finished: int) -> str:
    labels = ", ".join(record.labels[:SHOWN_LABELS])
    more = " and more, see config.json" if len(record.labels) > SHOWN_LABELS else ""
    return (
        f"# {get_task(config.task).title}, {config.method.name}\n\n"
        f"A text classifier, fine-tuned from `{config.encoder}` by catsweep: the best of"
        f" {finished} finished trial{'' if finished == 1 else 's'} of study `{study}`,"
        f" chosen by {record.metric} on `{record.selection}`.\n\n"
        f"{len(record.labels)} labels: {labels}{more}.\n"
    )


def _use(config: TrialConfig) -> str:
    pair = len(get_task(config.task).columns) > 1
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


def _scores(config: TrialConfig, record: TrialRecord) -> str:
    rows = [
        f"| {split} | {metric} | {found.value:.4f} |"
        for split, scores in record.scores.items()
        for metric, found in scores.items()
    ]
    precision = (
        "Scored in bf16; in fp32 the last digits differ.\n\n" if config.precision == "bf16" else ""
    )
    rows_of = config.max_eval_samples
    sample = f"Scored on a random sample of the dev rows: {rows_of}.\n\n" if rows_of else ""
    return "\n".join(
        (
            "## Scores\n",
            "| split | metric | value |\n| --- | --- | ---: |",
            *rows,
            f"\n{precision}{sample}The score on `{record.selection}` was used to choose: it"
            f" flatters the model. Weights of epoch {record.selected_epoch} of"
            f" {config.trained_epochs}.\n",
        )
    )


def _tests(lines: Sequence[str]) -> str:
    """Nothing for the baseline itself, and where there is none to compare with."""
    if not lines:
        return ""
    return "\n".join(("## Tests against `standard`\n", "```", *lines, "```\n"))


def _origin(config: TrialConfig, record: TrialRecord) -> str:
    settings = json.dumps(json.loads(config.canonical_json()), indent=1, sort_keys=True)
    versions = ", ".join(f"{name} {found}" for name, found in record.environment.versions.items())
    prints = ", ".join(f"{name} {found}" for name, found in record.fingerprints.items())
    return (
        f"## Origin\n\nTrial `{record.signature}`, finished {record.finished_at} on"
        f" {record.environment.device}. {versions}.\n\nFingerprints: {prints}.\n\n"
        f"```json\n{settings}\n```\n"
    )
