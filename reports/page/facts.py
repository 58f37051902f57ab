"""The facts about a study's trials on the page: dates, hours, devices, versions and the command.

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
    """Days as `2026-01-31`; hours of finished trials, GPU-hours by each trial's share of a GPU."""

    command: str = ""
    first_day: str = ""
    last_day: str = ""
    trial_hours: float = 0.0
    gpu_hours: float = 0.0
    devices: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


def gather_facts(cells: Sequence[CellResult], command: str) -> Facts:
    """Gather the facts from the records of all finished trials."""
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


def facts_html(facts: Facts) -> str:
    """Write the facts as a description list, leaving out unknown ones."""
    days = " to ".join(dict.fromkeys(day for day in (facts.first_day, facts.last_day) if day))
    hours = f"{_hours(facts.trial_hours)} trial hours" if facts.trial_hours else ""
    gpu = f", {_hours(facts.gpu_hours)} GPU-hours" if facts.gpu_hours else ""
    on = f" on {', '.join(facts.devices)}" if facts.devices else ""
    entries = {
        "Trials finished": escape(days),
        "Time": escape(f"{hours}{gpu}{on}") if hours else "",
        "Versions": escape(", ".join(facts.versions)),
        "Command": f"<code>{escape(facts.command)}</code>" if facts.command else "",
    }
    items = "".join(
        f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in entries.items() if text
    )
    return f'<dl class="facts">{items}</dl>' if items else ""


def _hours(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 1 else f"{hours:.2g}"
