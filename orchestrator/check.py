"""`catsweep check`: inspects tasks and methods before anything is trained.

In: the name or path of a study, a task's file or a method. Out: lines that describe the rows of
each task and the contract of each own method; a UserError if something is wrong.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.own_code import load_task_metrics
from search_spaces.errors import UserError
from search_spaces.method import Method, OwnSettings, build_settings
from search_spaces.methods import METHODS
from search_spaces.own_methods import import_method
from search_spaces.own_tasks import parse_task
from search_spaces.shipped_tasks import TASKS
from search_spaces.sources import find_source, is_source
from search_spaces.study import Study, load_study
from search_spaces.study_file import is_yaml_file, parse_fields, read_yaml
from search_spaces.tasks import Task
from search_spaces.text import quoted, shorten, unquoted
from trainers.data.identity import check_metric_names, check_metrics
from trainers.data.inspection import Inspection, TokenCounter, inspect_task
from trainers.data.loading import describe_deviation, load_task
from trainers.records.metrics import get_metric

MOST_LABELS = 12
"""Labels of a split that are listed by name; the others are only counted."""
MOST_TEXTS = 3
TEXT_WIDTH = 70


def find_tasks(name: str) -> tuple[list[Task], Study | None]:
    """Return the tasks of a study and the study itself, or a single task and None.

    Raises:
        UserError: the name is neither a task nor a study.
    """
    if name in TASKS:
        return [TASKS[name]], None
    if is_yaml_file(name):
        fields = parse_fields(read_yaml(Path(name), "study or task"))
        if "text" in fields:
            return [parse_task(fields, Path(name).parent)], None
    study = load_study(name)
    return [study.task(task) for task in study.tasks], study


def check_lines(name: str, data: Path | None, max_length: int | None) -> Iterator[str]:
    """Inspect every task and own method; yield the lines that describe them.

    Raises:
        UserError: a task's files are missing or wrong, or a method breaks its contract.
    """
    if is_source(name) and not is_yaml_file(name):
        yield from _check_method(import_method(find_source(name, Path())), {})
        return
    if name in METHODS:
        method = METHODS[name]
        yield from _check_method(method, {n: 0.1 for n, o in method.options.items() if o.required})
        return
    tasks, study = find_tasks(name)
    tasks = [load_task_metrics(task, None, to_train=True)[0] for task in tasks]
    length = max_length or (study.parts[0].max_length if study else 128)
    encoder = next(iter(study.encoders), None) if study else None
    for task in tasks:
        check_metric_names(task)
        found = load_task(task, data)
        check_metrics(task, len(found.labels))
        count = _token_counter(encoder, found.splits["train"].texts)
        yield f"task {task.name} ({unquoted(task.title)}): {_describe_metrics(task)}"
        yield from (
            f"  warning: {line}" for line in (describe_deviation(found), *found.warnings) if line
        )
        yield from _describe_rows(inspect_task(found, count, length), length, found.files)
    if study is not None:
        for method in study.own_methods.values():
            trials = (trial for part in study.parts for trial in part.trials())
            point = next(trial.method for trial in trials if trial.method.name == method.name)
            yield from _check_method(method, point.options())


def _check_method(method: Method, options: Mapping[str, Any]) -> Iterator[str]:
    """Try a method's step with some options; UserError if it breaks its contract."""
    from trainers.methods.conformance import check_step
    from trainers.methods.load import find_step

    assert method.settings is not None
    given = build_settings(method, options)
    chosen = given.options() if isinstance(given, OwnSettings) else options
    settings = method.settings.model_validate(chosen)
    listed = ", ".join(f"{name}={value}" for name, value in chosen.items()) or "no options"
    code = f", code {method.code}" if method.code else ""
    yield f"method {method.name} ({unquoted(method.title)}){code}: {listed}"
    for found in check_step(settings, find_step(method.settings)):
        if found.wrong:
            raise UserError(f"method {method.name}: {found.what}: {found.wrong}")
        yield f"  {found.what}: {found.note or 'yes'}"


def _describe_metrics(task: Task) -> str:
    others = [f"{get_metric(name).title} reported beside it" for name in task.beside]
    positive = f" of {quoted(task.positive)}" if task.positive else ""
    return ", ".join([f"{get_metric(task.metric).title}{positive}", *others])


def _token_counter(encoder: str | None, train: Sequence[Sequence[str]]) -> TokenCounter | None:
    """Return a function that counts tokens with an encoder's tokenizer; None without an encoder."""
    if encoder is None:
        return None
    from trainers.encoders.encoder import load_encoder

    tokenizer = load_encoder(encoder, [text for column in train for text in column]).tokenizer

    def count(texts: Sequence[Sequence[str]]) -> list[int]:
        found = tokenizer(*[list(column) for column in texts], truncation=False, verbose=False)
        return [len(ids) for ids in found["input_ids"]]

    return count


def _describe_rows(found: Inspection, max_length: int, files: Mapping[str, Path]) -> Iterator[str]:
    for name, split in found.splits.items():
        cut = "" if split.cut is None else f", {split.cut:,} cut at {max_length}"
        where = f" ({files[name]})" if name in files else ""
        yield (
            f"  {name}: {split.rows:,} rows, {len(split.label_counts)} labels, {split.mean:.1f}"
            f" {found.unit} on average, {split.longest:,} at most{cut}{where}"
        )
    counts = list(found.splits["train"].label_counts.items())
    named = ", ".join(f"{unquoted(label)} {n:,}" for label, n in counts[:MOST_LABELS])
    rest = f", and {len(counts) - MOST_LABELS} more" if len(counts) > MOST_LABELS else ""
    yield f"  labels of train: {named}{rest}"
    for name, n in found.repeated.items():
        yield f"  {name}: {_count_texts(n)} more than once"
    for name, n in found.shared.items():
        are = "is" if n == 1 else "are"
        yield f"  warning: {n:,} of the {name} examples {are} in train as well"
    if found.contradicted:
        n = len(found.contradicted)
        yield f"  warning: {_count_texts(n)} with different labels, such as"
        for text, labels in found.contradicted[:MOST_TEXTS]:
            yield f"    {_shorten(text)}: {', '.join(map(unquoted, labels))}"
    yield "  the first training rows:"
    yield from (f"    {unquoted(label)}: {_shorten(text)}" for label, text in found.examples)


def _count_texts(n: int) -> str:
    return "1 text occurs" if n == 1 else f"{n:,} texts occur"


def _shorten(text: str) -> str:
    return quoted(shorten(text, TEXT_WIDTH))
