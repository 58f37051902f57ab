"""A study's own methods with their code: imported by those who train, remembered for all others.

In: a study's sources, the store. Out: what is known of its methods, without their code being run;
the code in the store, from which workers take it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from search_spaces.errors import UserError
from search_spaces.method import Method, OwnSettings
from search_spaces.own_methods import Source
from search_spaces.study import Study
from search_spaces.trial import TrialConfig

if TYPE_CHECKING:
    from trainers.store import Store


def remembered(store: "Store | None") -> Callable[[Source], Method]:
    """Return what looks methods up in a store, and never runs their code.

    A method whose code has changed since is known as it was last: which options it has.
    """

    def find(source: Source) -> Method:
        from trainers.kept_code import kept_methods

        found = kept_methods(store) if store else []
        known = [record for record in found if record.name == source.name]
        for record in known:
            if source.code == record.code:
                return record.known()
        if source.code is None and len(known) == 1:
            return known[0].known()
        if source.code is None:
            more = f", and the store has trials of {len(known)} versions of it" if known else ""
            raise UserError(f"method {source.name}: no file {source.place}{more}")
        if not known:
            raise UserError(
                f"method {source.name}: this store knows nothing of it: `catsweep plan` shows what"
                " `catsweep run` would train"
            )
        return replace(known[-1].known(), code=source.code)

    return find


def keep_own_code(study: Study, store: "Store") -> None:
    """Copy the code of a study's own methods into the store, and load it from there.

    Raises:
        UserError: it cannot be written, or is not complete.
    """
    from trainers.kept_code import keep_code, load_kept

    for name, method in study.own_methods.items():
        keep_code(store, study.sources[name], method)
        assert method.code is not None
        load_kept(store.code, OwnSettings(name=name, code=method.code))


def other_code(study: Study, store: "Store") -> list[str]:
    """Say which of a study's trials the store has of other code of its own methods."""
    from trainers.kept_code import kept_methods

    lines, finished = [], store.finished()
    for name, method in study.own_methods.items():
        trials = [trial for trial in study.trials() if trial.method.name == name]
        others = {record.code for record in kept_methods(store) if record.name == name}
        for code in sorted(others - {method.code}):
            there = sum(_of_code(trial, code).signature in finished for trial in trials)
            if there:
                lines.append(
                    f"method {name}: {there} {'trial was' if there == 1 else 'trials were'} trained"
                    f" with other code ({study.sources[name].said} has changed since): they stay in"
                    " the store, and are not of this study as its code is now"
                )
    return lines


def _of_code(trial: TrialConfig, code: str) -> TrialConfig:
    return trial.model_copy(update={"method": trial.method.model_copy(update={"code": code})})
