"""catsweep as a library: `import catsweep` is this file, which a wheel puts in that place.

In: names. Out: functions and types of the four packages, imported when they are asked for, so that
the import itself is as light as the command line. Where another project's package hides one of
them, an ImportError says which, and what to do.
"""

# Nothing is imported here: the command line begins with this file, and Ctrl-C is to be silent.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orchestrator.library import Store, compare, load_study, plan, report, run
    from orchestrator.plan import Plan
    from reports.compare import PairReport
    from reports.statistics.across_tasks import (
        average_gain,
        equivalence,
        replicability,
        win_probability,
    )
    from reports.statistics.best_vs_best import best_vs_best
    from reports.statistics.interval import paired_bootstrap
    from reports.statistics.method_test import MethodTest, method_test
    from reports.statistics.significance import (
        Comparison,
        benjamini_hochberg,
        fisher_randomization,
        holm,
        mcnemar,
    )
    from reports.tables.report import Report
    from search_spaces.errors import Unfinished, UserError
    from search_spaces.method import MethodSettings, Style
    from search_spaces.settings import Count, NonNegative, Positive, Share
    from search_spaces.study import Study
    from trainers.encoders.batches import Batch
    from trainers.encoders.classifier import Classifier
    from trainers.methods.losses import cross_entropy
    from trainers.methods.step import Losses, Training, backward
    from trainers.records.metrics import score

__all__ = [
    "Batch",
    "Classifier",
    "Comparison",
    "Count",
    "Losses",
    "MethodSettings",
    "MethodTest",
    "NonNegative",
    "PairReport",
    "Plan",
    "Positive",
    "Report",
    "Share",
    "Store",
    "Study",
    "Style",
    "Training",
    "Unfinished",
    "UserError",
    "average_gain",
    "backward",
    "benjamini_hochberg",
    "best_vs_best",
    "compare",
    "cross_entropy",
    "equivalence",
    "fisher_randomization",
    "holm",
    "load_study",
    "mcnemar",
    "method_test",
    "paired_bootstrap",
    "plan",
    "replicability",
    "report",
    "run",
    "score",
    "win_probability",
]

_PLACES = {
    "orchestrator.library": ("Store", "compare", "load_study", "plan", "report", "run"),
    "orchestrator.plan": ("Plan",),
    "reports.compare": ("PairReport",),
    "reports.statistics.across_tasks": (
        "average_gain",
        "equivalence",
        "replicability",
        "win_probability",
    ),
    "reports.statistics.best_vs_best": ("best_vs_best",),
    "reports.statistics.interval": ("paired_bootstrap",),
    "reports.statistics.method_test": ("MethodTest", "method_test"),
    "reports.statistics.significance": (
        "Comparison",
        "benjamini_hochberg",
        "fisher_randomization",
        "holm",
        "mcnemar",
    ),
    "reports.tables.report": ("Report",),
    "search_spaces.errors": ("Unfinished", "UserError"),
    "search_spaces.method": ("MethodSettings", "Style"),
    "search_spaces.settings": ("Count", "NonNegative", "Positive", "Share"),
    "search_spaces.study": ("Study",),
    "trainers.encoders.batches": ("Batch",),
    "trainers.encoders.classifier": ("Classifier",),
    "trainers.methods.losses": ("cross_entropy",),
    "trainers.methods.step": ("Losses", "Training", "backward"),
    "trainers.records.metrics": ("score",),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}
_KNOWN_BY = {
    "search_spaces": "trial.py",
    "trainers": "loop.py",
    "reports": "study_reports.py",
    "orchestrator": "supervisor.py",
}
"""A file of each package that no other project's package of that name has beside the others."""


def find_shadow() -> str | None:
    """Say which of the packages is hidden by another project's, if one is."""
    from importlib.util import find_spec
    from pathlib import Path

    for package, file in _KNOWN_BY.items():
        spec = find_spec(package)
        places = list(spec.submodule_search_locations or ()) if spec else []
        if spec and not any((Path(place) / file).is_file() for place in places):
            found = places[0] if places else spec.origin
            return (
                f"its package {package} is hidden by {found}: start from another folder, take that"
                " one off PYTHONPATH, or install catsweep into an environment of its own"
            )
    return None


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_MODULE_OF[name]), name)
    except ImportError as error:
        if shadow := find_shadow():
            raise ImportError(f"catsweep: {shadow}") from error
        raise


def __dir__() -> list[str]:
    return sorted(__all__)
