"""Shows the progress of a sweep while it runs.

In: a study and the store. Out: on standard error, a panel in a terminal, and elsewhere a line now
and then.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from orchestrator.progress import View, count_ended, headline, read_view
from orchestrator.say import live_area, live_screen, say
from orchestrator.search import Search
from orchestrator.view_text import view_lines
from search_spaces.errors import UserError
from search_spaces.study import Study
from trainers.records.store import Store

REFRESH_SECONDS = 1.0
LINE_SECONDS = 30.0
MAX_LOAD = 0.02
"""The part of a core's time that the view takes from training, however many trials it counts."""


@contextmanager
def show_live(study: Study, store: Store, slots: int | None, search: Search) -> Iterator[None]:
    """Show the progress on standard error while the block runs."""
    stop = threading.Event()
    show = partial(_show_panel, study) if sys.stderr.isatty() else _show_lines
    glance = partial(read_view, study, store, slots, search)
    thread = threading.Thread(
        target=_show_until_stopped, args=(show, glance, stop), name="progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _show_until_stopped(
    show: Callable[..., None], glance: Callable[[], View], stop: threading.Event
) -> None:
    with suppress(UserError):  # An unreadable store also ends the sweep, which reports it.
        show(glance, stop)


def _show_panel(study: Study, glance: Callable[[], View], stop: threading.Event) -> None:
    with live_area() as area:
        for view, _ in _read_views(glance, stop):
            width, height = live_screen()
            area.update("\n".join(view_lines(view, study.names, width, height)), refresh=True)


def _show_lines(glance: Callable[[], View], stop: threading.Event) -> None:
    """Print a line when a trial ended, but not more than one in LINE_SECONDS, and at the end."""
    shown, shown_at = count_ended(glance().plan), 0.0
    for view, stopping in _read_views(glance, stop):
        ended = count_ended(view.plan)
        due = ended != shown and time.monotonic() - shown_at >= LINE_SECONDS
        if due or (stopping and ended != shown):
            say(f"{time.strftime('%H:%M:%S')} {headline(view)}")
            shown, shown_at = ended, time.monotonic()


def _read_views(glance: Callable[[], View], stop: threading.Event) -> Iterator[tuple[View, bool]]:
    """Read the view every second, or less often if that is slow, and once more after `stop`."""
    pause, stopping = REFRESH_SECONDS, False
    while not stopping:
        stopping = stop.wait(pause)
        start = time.thread_time()
        yield glance(), stopping
        pause = max(REFRESH_SECONDS, (time.thread_time() - start) / MAX_LOAD)
