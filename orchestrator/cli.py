"""The command line: its commands, and their exit codes.

In: the arguments of the process. Out: an exit code: 0 all done, 1 some trials failed (or standard
output did), 2 wrong input, 75 (EX_TEMPFAIL) Ray ended before the trials did, so the same command
continues, 130 interrupted, 141 the reader of a pipe is gone. Help and errors take less than a
second, because modules that need torch, Ray or scipy are imported where they are used. `main.py`
runs this; the commands are in `commands/`.
"""

import atexit
import gc
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from orchestrator.commands.confirmation import confirm
from orchestrator.commands.results import best, export, report
from orchestrator.commands.sweep import logs, plan, run, status, studies
from orchestrator.commands.tools import check, compare, new, sync, table
from orchestrator.endings import INTERRUPTED, INTERRUPTED_MESSAGE, UNFINISHED, describe_unfinished
from orchestrator.say import echo, explain, say
from search_spaces.errors import OutputLost, Unfinished, UserError

COMMANDS: Final[tuple[Callable[..., None], ...]] = (
    studies,
    new,
    check,
    plan,
    run,
    status,
    logs,
    report,
    confirm,
    best,
    export,
    compare,
    table,
    sync,
)
"""All commands, in the order of the help."""

BROKEN_PIPE = 141
"""The exit code that a shell reports if the reader of a pipe is gone, as in `| head`."""

ABOUT: Final = """Sweep, resume and significance-test fine-tuning methods for text classifiers.

\b
  catsweep run quickstart            train a small sweep, and test it
  catsweep run my.yaml               train your own study, or resume it
  catsweep report my.yaml --html     write its tables and a page
"""


class Commands(TyperGroup):
    """The list of commands with whole descriptions, however narrow the terminal is."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a row for each command."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, " ".join((one.help or "").split())) for name, one in found if one]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


app = typer.Typer(
    name="catsweep",
    cls=Commands,
    help=ABOUT,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        echo(f"catsweep {version('catsweep')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Handle the options given before the command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; wrong input becomes one line and exit code 2."""
    # Imports and records create many objects but hardly any garbage: collect it less often, and not
    # at exit.
    gc.set_threshold(100_000, 20, 50)
    atexit.register(gc.freeze)
    sys.exit(_run(arguments))


def _check_current_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise UserError(
            f"the current folder no longer exists ({error.strerror}): cd to another one"
        ) from error


def _run(arguments: Sequence[str] | None) -> int:
    try:
        _check_current_folder()
        result = app(args=arguments, prog_name="catsweep", standalone_mode=False)
    except UserError as error:
        say(f"catsweep: {error}")
        return 2
    except OutputLost as error:
        if not error.quietly:
            say(f"catsweep: {error}")
        return BROKEN_PIPE if error.quietly else 1
    except Unfinished as error:
        say(describe_unfinished(error))
        return UNFINISHED
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except Exception as error:
        message = getattr(error, "format_message", None)  # Typer's usage errors have one.
        if message is None:
            raise
        text = message()  # The help itself if no command was given.
        if text.startswith("Usage:"):
            explain(text)
        else:
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "catsweep"
            say(f"catsweep: {text} (see {command} --help)")
        return 2
    if result == INTERRUPTED:
        say(INTERRUPTED_MESSAGE)
    return result if isinstance(result, int) else 0
