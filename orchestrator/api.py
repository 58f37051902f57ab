"""catsweep as a library: a wheel installs this file as `catsweep/__init__.py`.

In: names. Out: functions and types of the four packages. They are imported on first use, so that
`import catsweep` is fast. If another project's package hides one of the four, an ImportError says
which, and what to do.
"""

# This file imports nothing: the command line starts with it, and Ctrl-C must be silent even here.
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

_MODULES = {
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
_MODULE_BY_NAME = {name: module for module, names in _MODULES.items() for name in names}
_MARKER_FILES = {
    "search_spaces": "trial.py",
    "trainers": "loop.py",
    "reports": "study_reports.py",
    "orchestrator": "supervisor.py",
}
"""A file by which each package is recognised: no other project's package has the same files."""


def find_shadow() -> str | None:
    """Return a message if one of the packages is hidden by another project's, else None."""
    from importlib.util import find_spec
    from pathlib import Path

    for package, file in _MARKER_FILES.items():
        spec = find_spec(package)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        if spec and not any((Path(folder) / file).is_file() for folder in folders):
            found = folders[0] if folders else spec.origin
            return (
                f"its package {package} is hidden by {found}: start from another folder, remove"
                " that one from PYTHONPATH, or install catsweep into its own environment"
            )
    return None


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_MODULE_BY_NAME[name]), name)
    except ImportError as error:
        if shadow := find_shadow():
            raise ImportError(f"catsweep: {shadow}") from error
        raise


def __dir__() -> list[str]:
    return sorted(__all__)
