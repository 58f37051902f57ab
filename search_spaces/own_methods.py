"""A user's own methods: a class in a file (`./focal.py@Focal`) or of an installed package.

In: what a study lists. Out: its `Source`, for which nothing is imported: what names the code in a
trial's signature, and which files belong to it. `import_method` loads it, for those who train.
"""

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from search_spaces.errors import UserError, nearest
from search_spaces.input_files import at_home, text_lines
from search_spaces.method import ANY_COST, Method, MethodSettings, options_of
from search_spaces.methods import METHODS
from search_spaces.text import one_line, quoted
from search_spaces.trial import training_names

GROUP: Final = "catsweep"
"""The entry points by which an installed package offers methods."""
FILE: Final = re.compile(r"(?P<path>.+\.py)@(?P<kind>[A-Za-z_][A-Za-z0-9_]*)")
PLUGIN: Final = re.compile(r"(?P<package>[A-Za-z0-9][A-Za-z0-9._-]*)/(?P<name>[A-Za-z0-9._-]+)")
TAKEN: Final = ("lr", "seed", "seeds", "name", "code", "method")
USES, VERSION = "uses", "version"
"""What a method's file may say of itself, as constants: the files that it imports, its version."""
MOST_FILES: Final = 50


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a method's code is: `files` by their names beside it, the first one has the class.

    Of an installed package's there are none, and `target` is its entry point's value. `code` names
    the code; None where its file is gone.
    """

    name: str
    said: str
    code: str | None
    kind: str = ""
    place: Path | None = None
    files: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    target: str = ""


def is_own_method(entry: object) -> bool:
    """Say whether an entry of a study's methods names a file's class or a package's."""
    return isinstance(entry, str) and bool(FILE.fullmatch(entry) or "/" in entry or "@" in entry)


def take_methods(entries: object, folder: Path) -> tuple[object, dict[str, Source]]:
    """Take the methods of their own out of a study's list; their names stay in it.

    Raises:
        UserError: as `find_source`, or two have one name.
    """
    if not isinstance(entries, list):
        return entries, {}
    found: dict[str, Source] = {}
    names: list[object] = []
    for entry in entries:
        if not is_own_method(entry):
            names.append(entry)
            continue
        source = find_source(entry, folder)
        if found.setdefault(source.name, source) != source:
            raise UserError(f"methods: two methods are called {source.name}")
        names.append(source.name)
    return names, found


def find_source(said: str, folder: Path) -> Source:
    """Find the code of a method; a path starts at `folder`.

    Raises:
        UserError: there is no such package, or the file is no Python; its line is named.
    """
    if found := FILE.fullmatch(said):
        return _of_file(said, folder / at_home(Path(found["path"])), found["kind"])
    if found := PLUGIN.fullmatch(said):
        return _of_package(said, found["package"], found["name"])
    raise UserError(
        f"method {quoted(said)}: a file is named as ./file.py@Class, a package's as package/name"
    )


def _of_file(said: str, path: Path, kind: str) -> Source:
    _refuse_name(kind)
    try:
        text = "".join(text_lines(path))
    except UserError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return Source(name=kind, said=said, code=None, kind=kind, place=path)
        raise UserError(f"method {kind}: {error}") from error
    constants = _constants(text, path)
    files = {path.name: text.encode()}
    for name in _uses(constants, path):
        try:
            files[name] = "".join(text_lines(path.parent / name)).encode()
        except UserError as error:
            raise UserError(f"method {kind}: {USES} of {path}: {error}") from error
    version = constants.get(VERSION)
    told = [kind, repr(version)] if version is not None else [kind, *_told(files)]
    return Source(name=kind, said=said, code=_digest(told), kind=kind, place=path, files=files)


def _told(files: dict[str, bytes]) -> Iterator[str]:
    for name, content in files.items():
        yield f"{name} {hashlib.sha256(content).hexdigest()}"


def _digest(told: list[str]) -> str:
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:16]


def _constants(text: str, path: Path) -> dict[str, Any]:
    """Read a file's literal constants without running it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f"{path}, line {line}" if line else str(path)
        raise UserError(f"{where}: no Python: {getattr(error, 'msg', error)}") from error
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id in (USES, VERSION):
                try:
                    found[target.id] = ast.literal_eval(node.value)
                except ValueError as error:
                    raise UserError(
                        f"{path}, line {node.lineno}: {target.id} is to be a constant: it is read"
                        " without running the file"
                    ) from error
    return found


def _uses(constants: dict[str, Any], path: Path) -> list[str]:
    uses = constants.get(USES, [])
    names = [uses] if isinstance(uses, str) else uses
    if not isinstance(names, list | tuple) or len(names) > MOST_FILES:
        raise UserError(f"{path}: {USES} is to be a list of at most {MOST_FILES} files beside it")
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\.py", name):
            raise UserError(f"{path}: {USES}: {quoted(name)} is no Python file beside it")
    return list(names)


def _of_package(said: str, package: str, name: str) -> Source:
    _refuse_name(name)
    point = _entry_point(package, name)
    assert point.dist is not None
    told = ["package", point.dist.name, point.dist.version, name, point.value]
    return Source(name=name, said=said, code=_digest(told), target=point.value)


def _entry_point(package: str, name: str) -> EntryPoint:
    points = [point for point in entry_points(group=GROUP) if point.dist is not None]
    own = [p for p in points if p.dist and _plain(p.dist.name) == _plain(package)]
    for point in own:
        if point.name == name:
            return point
    if own:
        guess = nearest(name, [point.name for point in own])
        hint = f"; did you mean {guess}?" if guess else ""
        raise UserError(f"method {package}/{name}: {package} has no method of this name{hint}")
    raise UserError(
        f"method {package}/{name}: no installed package {package} offers methods:"
        f" pip install {package}"
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _refuse_name(name: str) -> None:
    if name in METHODS:
        raise UserError(f"method {name}: this is the name of a shipped method: rename yours")


def import_method(source: Source) -> Method:
    """Load a method's code where it lies, and look at its class.

    Raises:
        UserError: it cannot be imported, or is no method.
    """
    if source.code is None:
        raise UserError(f"method {source.name}: no file {source.place}")
    return method_of(source, load_class(source))


def load_class(source: Source) -> Any:
    """Import a method's code; UserError says in which line that fails."""
    if source.place is None:
        place, _, kind = source.target.partition(":")
        try:
            return getattr(import_module(place), kind)
        except Exception as error:
            raise UserError(f"method {source.name}: {_complaint(error)}") from error
    module_name = f"catsweep_method_{source.code}"
    module = _load_file(source.place, module_name, source)
    for loaded in [one for one in sys.modules if one.startswith(f"{module_name}.")]:
        part = f"{loaded.removeprefix(module_name + '.')}.py"
        if part not in source.files:
            raise UserError(
                f"method {source.name}: {source.place} imports {part}, which is not in its"
                f" {USES}: add {USES} = [{part!r}]"
            )
    if not hasattr(module, source.kind):
        kinds = [name for name, value in vars(module).items() if isinstance(value, type)]
        guess = nearest(source.kind, kinds)
        hint = f"; did you mean {guess}?" if guess else ""
        raise UserError(f"method {source.name}: {source.place} has no class {source.kind}{hint}")
    return getattr(module, source.kind)


def _load_file(path: Path, name: str, source: Source) -> ModuleType:
    """Run a file as a package of its own, so that it imports its neighbours as `from .x import`."""
    spec = spec_from_file_location(name, str(path), submodule_search_locations=[str(path.parent)])
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    for loaded in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
        del sys.modules[loaded]
    sys.modules[name] = module
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"method {source.name}: {_complaint(error, path)}") from error
    finally:
        sys.dont_write_bytecode = writes
    return module


def _complaint(error: Exception, path: Path | None = None) -> str:
    """Say what an import failed with, and in which line of the user's file."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if path is not None and trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f"{path}, line {line}: " if line else f"{path}: " if path else ""
    return one_line(f"{where}{type(error).__name__}: {error}")


def method_of(source: Source, kind: Any) -> Method:
    """Make a method's record from its class.

    Raises:
        UserError: it is no method.
    """
    what = f"method {source.name}"
    if not (isinstance(kind, type) and issubclass(kind, MethodSettings)):
        raise UserError(f"{what}: it is no class below catsweep's MethodSettings")
    if not callable(getattr(kind, "step", None)):
        raise UserError(
            f"{what}: it has no step: give it a static method step(model, batch, settings,"
            " training) that returns its losses"
        )
    options = options_of(kind)
    for name in options:
        if name in TAKEN or name in training_names():
            raise UserError(f"{what}: option {name} is a setting of every trial: rename it")
    defaults = {name: option.default for name, option in options.items()}
    for name, value in defaults.items():
        if not isinstance(value, bool | int | float | str | None):
            raise UserError(f"{what}: the default of {name} is to be one word or number")
    return Method(
        name=source.name,
        title=str(kind.title or source.name),
        options=options,
        cost=kind.cost if isinstance(kind.cost, int) else ANY_COST,
        by_example=getattr(kind, "by_example") is True,  # noqa: B009
        style=kind.style,
        code=source.code,
        settings=kind,
    )
