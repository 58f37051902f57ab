"""Where a page's numbers come from: when the trials ran, for how long, with what, and the command.

In: a study's cells. Out: frozen `Facts`, and their HTML.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from reports.results.cells import CellResult

PACKAGES: Final = ("catsweep", "torch", "transformers")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Days as `2026-01-31`, hours of finished trials, and of GPUs by each trial's share of one."""

    command: str = ""
    first_day: str = ""
    last_day: str = ""
    trial_hours: float = 0.0
    gpu_hours: float = 0.0
    devices: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


def gather_facts(cells: Sequence[CellResult], command: str) -> Facts:
    """Gather them from the records of all finished trials."""
    records = [trial.record for cell in cells for trial in cell.finished]
    days = sorted(record.finished_at[:10] for record in records)
    used = {
        f"{name} {record.environment.versions[name]}": None
        for name in PACKAGES
        for record in records
        if name in record.environment.versions
    }
    return Facts(
        command=command,
        first_day=days[0] if days else "",
        last_day=days[-1] if days else "",
        trial_hours=sum(record.seconds for record in records) / 3600,
        gpu_hours=sum(
            record.seconds * record.device_use.share for record in records if record.device_use
        )
        / 3600,
        devices=tuple(dict.fromkeys(record.environment.device for record in records)),
        versions=tuple(used),
    )


def facts_html(of: Facts) -> str:
    """Write them as a list of terms; nothing of what is not known."""
    days = " to ".join(dict.fromkeys(day for day in (of.first_day, of.last_day) if day))
    hours = f"{_hours(of.trial_hours)} trial hours" if of.trial_hours else ""
    gpu = f", {_hours(of.gpu_hours)} GPU-hours" if of.gpu_hours else ""
    on = f" on {', '.join(of.devices)}" if of.devices else ""
    entries = {
        "Trials finished": escape(days),
        "Time": escape(f"{hours}{gpu}{on}") if hours else "",
        "Versions": escape(", ".join(of.versions)),
        "Command": f"<code>{escape(of.command)}</code>" if of.command else "",
    }
    items = "".join(
        f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in entries.items() if text
    )
    return f'<dl class="facts">{items}</dl>' if items else ""


def _hours(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 1 else f"{hours:.2g}"
