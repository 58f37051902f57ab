"""Loads the step of a method from a trial's settings: by its name, or by its code.

In: settings, and the folder with the sources of users' own methods. Out: the settings that the step
takes, and the step.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from search_spaces.method import MethodSettings, OwnSettings
from search_spaces.methods import settings_type
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.methods.step import Losses, Training
from trainers.records.kept_code import load_method_type

Step = Callable[[Classifier, Batch, Any, Training], Losses]


def load_method(settings: MethodSettings, code: Path | None) -> tuple[MethodSettings, Step]:
    """Return the settings that a trial's step takes, and the step.

    Raises:
        UserError: the code of a user's own method is missing or was changed.
    """
    if isinstance(settings, OwnSettings):
        kind = load_method_type(code, settings)
        return kind.model_validate(settings.options()), find_step(kind)
    return settings, find_step(type(settings))


@cache
def find_step(kind: type[MethodSettings]) -> Step:
    """Return a method's step, or import it if the method names it as `module:function`."""
    if not isinstance(kind.step, str):
        return kind.step
    module, _, name = kind.step.partition(":")
    step: Step = getattr(import_module(module), name)
    return step


def get_step(method: str) -> Step:
    """Return the step of a shipped method."""
    return find_step(settings_type(method))
