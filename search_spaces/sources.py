"""Users' own code: a name in a file (`./focal.py@Focal`), or one that a package offers.

In: an entry of a study. Out: its `Source`: the digest that names the code in a trial's signature,
and the files that belong to it; no code is run. `load_object` runs it and returns the object.
"""

import ast
import hashlib
import re
import sys
from collections.abc import Container, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from warnings import warn

from search_spaces.errors import UserError, find_nearest
from search_spaces.input_files import expand_home, read_lines
from search_spaces.text import one_line, quoted

GROUP: Final = "catsweep"
"""The group of entry points through which installed packages offer methods and metrics."""
FILE: Final = re.compile(r"(?P<path>.+\.py)@(?P<kind>[A-Za-z_][A-Za-z0-9_]*)")
PLUGIN: Final = re.compile(r"(?P<package>[A-Za-z0-9][A-Za-z0-9._-]*)/(?P<name>[A-Za-z0-9._-]+)")
USES, VERSION = "uses", "version"
"""Constants that a file may define: the files that it imports, and its version."""
MAX_FILES: Final = 50
STORABLE_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}")
"""File names that a store accepts; a file with any other name is renamed."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the code of a method or a metric (`noun`) is.

    `entry` is the entry of the study that names it. `path` is its file, and `files` has the content
    of that file and of those that it imports, by name; the first defines `kind`. For an installed
    package there are none, and `target` is the value of its entry point. `code` is the digest of
    the code; None if its file or package is missing.
    """

    noun: str
    name: str
    entry: str
    code: str | None
    kind: str = ""
    path: Path | None = None
    files: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    target: str = ""

    @property
    def absent(self) -> str:
        """What is missing if `code` is None, and what to do."""
        if self.path is not None:
            return f"no file {self.path}"
        package = self.entry.partition("/")[0]
        return f"no installed package {package} offers methods: pip install {package}"


def is_source(entry: object) -> bool:
    """Return whether an entry of a study names code in a file or of a package."""
    return isinstance(entry, str) and bool(FILE.fullmatch(entry) or "/" in entry or "@" in entry)


def find_source(
    entry: str, folder: Path, noun: str = "method", taken: Container[str] = ()
) -> Source:
    """Find the code of a method or a metric; paths are relative to `folder`.

    Names in `taken` are those of shipped ones, which are refused.

    Raises:
        UserError: the package does not offer it, or the file is not Python; its line is named.
    """
    if found := FILE.fullmatch(entry):
        name = found["kind"]
        _refuse_name(noun, name, taken)
        return _find_in_file(noun, entry, folder / expand_home(Path(found["path"])), name)
    if found := PLUGIN.fullmatch(entry):
        _refuse_name(noun, found["name"], taken)
        return _find_in_package(noun, entry, found["package"], found["name"])
    raise UserError(
        f"{noun} {quoted(entry)}: write ./file.py@Name for a file, package/name for a package"
    )


def _find_in_file(noun: str, entry: str, path: Path, kind: str) -> Source:
    try:
        text = "".join(read_lines(path))
    except UserError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return Source(noun=noun, name=kind, entry=entry, code=None, kind=kind, path=path)
        raise UserError(f"{noun} {kind}: {error}") from error
    constants = _read_constants(text, path)
    files = {path.name if STORABLE_NAME.fullmatch(path.name) else "_code.py": text.encode()}
    for name in _list_used_files(constants, path):
        try:
            files[name] = "".join(read_lines(path.parent / name)).encode()
        except UserError as error:
            raise UserError(f"{noun} {kind}: {USES} of {path}: {error}") from error
    version = constants.get(VERSION)
    if isinstance(version, bool) or not isinstance(version, str | int | float | None):
        raise UserError(f"{noun} {kind}: {VERSION} of {path} must be a text or a number")
    parts = [kind, repr(version)] if version is not None else [kind, *_digest_files(files)]
    return Source(
        noun=noun,
        name=kind,
        entry=entry,
        code=_digest_parts(parts),
        kind=kind,
        path=path,
        files=files,
    )


def _refuse_name(noun: str, name: str, taken: Container[str]) -> None:
    if name in taken:
        raise UserError(f"{noun} {name}: a shipped {noun} has this name: rename yours")


def _digest_files(files: dict[str, bytes]) -> Iterator[str]:
    for name, content in files.items():
        yield f"{name} {hashlib.sha256(content).hexdigest()}"


def _digest_parts(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _read_constants(text: str, path: Path) -> dict[str, Any]:
    """Read the constants `uses` and `version` of a file without running it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = f"{path}, line {line}" if line else str(path)
        raise UserError(f"{where}: not Python: {getattr(error, 'msg', error)}") from error
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            target = targets[0]
            if isinstance(target, ast.Name) and target.id in (USES, VERSION):
                try:
                    found[target.id] = ast.literal_eval(node.value)
                except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
                    raise UserError(
                        f"{path}, line {node.lineno}: {target.id} must be a constant: it is read"
                        " without running the file"
                    ) from error
    return found


def _list_used_files(constants: dict[str, Any], path: Path) -> list[str]:
    uses = constants.get(USES, [])
    names = [uses] if isinstance(uses, str) else uses
    if not isinstance(names, list | tuple) or len(names) > MAX_FILES:
        raise UserError(f"{path}: {USES} must be a list of at most {MAX_FILES} files beside it")
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\.py", name):
            raise UserError(f"{path}: {USES}: {quoted(name)} is not a Python file beside it")
    return list(names)


def _find_in_package(noun: str, entry: str, package: str, name: str) -> Source:
    point = _find_entry_point(package, name)
    if point is None:
        return Source(noun=noun, name=name, entry=entry, code=None)
    assert point.dist is not None
    parts = ["package", point.dist.name, point.dist.version, name, point.value]
    return Source(noun=noun, name=name, entry=entry, code=_digest_parts(parts), target=point.value)


def _find_entry_point(package: str, name: str) -> EntryPoint | None:
    """Return the entry point of a package; None if the package offers none or is not installed."""
    points = [point for point in entry_points(group=GROUP) if point.dist is not None]
    own = [p for p in points if p.dist and _normalise_name(p.dist.name) == _normalise_name(package)]
    for point in own:
        if point.name == name:
            return point
    if own:
        guess = find_nearest(name, [point.name for point in own])
        hint = f"; did you mean {guess}?" if guess else ""
        raise UserError(f"method {package}/{name}: {package} has no method of this name{hint}")
    return None


def _normalise_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def load_object(source: Source) -> Any:
    """Import the code and return the object it names; UserError names the failing line."""
    if source.path is None:
        module_path, _, kind = source.target.partition(":")
        try:
            return getattr(import_module(module_path), kind)
        except (Exception, SystemExit) as error:
            raise UserError(f"{source.noun} {source.name}: {_describe_error(error)}") from error
    module_name = f"catsweep_method_{source.code}"
    module = _load_file(source.path, module_name, source)
    for loaded in [one for one in sys.modules if one.startswith(f"{module_name}.")]:
        part = f"{loaded.removeprefix(module_name + '.')}.py"
        if part not in source.files:
            raise UserError(
                f"{source.noun} {source.name}: {source.path} imports {part}, which is not in its"
                f" {USES}: add {USES} = [{part!r}]"
            )
    if not hasattr(module, source.kind):
        kinds = [name for name, value in vars(module).items() if callable(value)]
        guess = find_nearest(source.kind, kinds)
        hint = f"; did you mean {guess}?" if guess else ""
        raise UserError(f"{source.noun} {source.name}: {source.path} has no {source.kind}{hint}")
    return getattr(module, source.kind)


def _load_file(path: Path, name: str, source: Source) -> ModuleType:
    """Import a file as a package of its own, so that `from .x import` finds its neighbours."""
    spec = spec_from_file_location(name, str(path), submodule_search_locations=[str(path.parent)])
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    for loaded in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
        del sys.modules[loaded]
    sys.modules[name] = module
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        with redirect_stdout(StringIO()) as printed:  # It must not mix with a command's results.
            spec.loader.exec_module(module)
        if output := one_line(printed.getvalue()):
            printing = f"{source.noun} {source.name}: its file prints when it is read: {output}"
            warn(printing, stacklevel=2)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        del sys.modules[name]
        raise UserError(f"{source.noun} {source.name}: {_describe_error(error, path)}") from error
    finally:
        sys.dont_write_bytecode = writes
    return module


def _describe_error(error: BaseException, path: Path | None = None) -> str:
    """Describe why an import failed, with the line of the user's file."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if path is not None and trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f"{path}, line {line}: " if line else f"{path}: " if path else ""
    try:
        message = str(error)
    except Exception:
        message = ""
    return one_line(f"{where}{type(error).__name__}: {message}")
