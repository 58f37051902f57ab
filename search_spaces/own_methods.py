"""A user's own methods: a class in a file, or a class of an installed package.

In: the methods that a study lists. Out: their sources; `import_method` runs their code, which only
training needs.
"""

from pathlib import Path
from typing import Any, Final

from search_spaces.errors import UserError
from search_spaces.method import DEFAULT_COST, Method, MethodSettings, Style, list_options
from search_spaces.methods import METHODS
from search_spaces.sources import Source, find_source, is_source, load_object
from search_spaces.text import NAME_WIDTH, clean, one_line
from search_spaces.trial import training_names

MAX_COST: Final = 1_000
RESERVED_NAMES: Final = ("lr", "seed", "seeds", "name", "code", "method")


def extract_methods(entries: object, folder: Path) -> tuple[object, dict[str, Source]]:
    """Find the sources of a study's own methods, and replace these in its list by their names.

    Returns the list, and the sources by name.

    Raises:
        UserError: as `find_source`, or two methods have the same name.
    """
    if not isinstance(entries, list):
        return entries, {}
    found: dict[str, Source] = {}
    names: list[object] = []
    for entry in entries:
        if not is_source(entry):
            names.append(entry)
            continue
        source = find_source(str(entry), folder, "method", METHODS)
        if found.setdefault(source.name, source) != source:
            raise UserError(f"methods: two methods are called {source.name}")
        names.append(source.name)
    return names, found


def import_method(source: Source) -> Method:
    """Import a method's code from its source, and make its record.

    Raises:
        UserError: it cannot be imported, or is not a method.
    """
    if source.code is None:
        called = source.entry if source.path is None else source.name
        raise UserError(f"method {called}: {source.absent}")
    return make_method(source, load_object(source))


def make_method(source: Source, kind: Any) -> Method:
    """Make a method's record from its class.

    Raises:
        UserError: the class is not a method.
    """
    what = f"method {source.name}"
    if not (isinstance(kind, type) and issubclass(kind, MethodSettings)):
        raise UserError(f"{what}: it is not a subclass of catsweep's MethodSettings")
    if not callable(getattr(kind, "step", None)):
        raise UserError(
            f"{what}: it has no step: give it a static method step(model, batch, settings,"
            " training) that returns its losses"
        )
    try:
        kind.model_rebuild()
        options = list_options(kind)
    except Exception as error:
        raise UserError(f"{what}: {one_line(error)}") from error
    if "name" in kind.model_fields:
        raise UserError(f"{what}: option name is reserved for the method's name: rename it")
    _check_class_variables(what, kind)
    for name in options:
        if name in RESERVED_NAMES or name in training_names():
            raise UserError(f"{what}: option {name} is a setting of every trial: rename it")
    defaults = {name: option.default for name, option in options.items()}
    for name, value in defaults.items():
        if not isinstance(value, bool | int | float | str | None):
            raise UserError(f"{what}: the default of {name} must be one word or number")
    return Method(
        name=source.name,
        title=str(kind.title or source.name),
        options=options,
        cost=kind.cost if isinstance(kind.cost, int) else DEFAULT_COST,
        by_example=getattr(kind, "by_example") is True,  # noqa: B009
        style=kind.style,
        code=source.code,
        settings=kind,
    )


def _check_class_variables(what: str, kind: type[MethodSettings]) -> None:
    """Check the class variables that estimates, tables and figures use."""
    cost, title = getattr(kind, "cost"), kind.title  # noqa: B009
    if not isinstance(cost, property) and not (type(cost) is int and 1 <= cost <= MAX_COST):
        raise UserError(f"{what}: cost must be a whole number from 1 to {MAX_COST}, got {cost!r}")
    if not isinstance(title, str) or len(title) > NAME_WIDTH or clean(title) != title:
        raise UserError(f"{what}: title must be a text of at most {NAME_WIDTH} characters")
    if kind.style is not None and not isinstance(kind.style, Style):
        raise UserError(f"{what}: style must be a catsweep.Style, got {type(kind.style).__name__}")
