"""Reads a study's file as keys and values: YAML with bounded size, depth and numbers.

In: a path, or text. Out: Python values, or a UserError with the line and the column.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from search_spaces.errors import UserError
from search_spaces.input_files import open_input, read_lines
from search_spaces.text import quoted

MAX_BYTES: Final = 1_000_000
MAX_NODES: Final = 100_000
"""The most keys, values and lists of a study, counting those of an alias at each use."""
MAX_NUMBER_LENGTH: Final = 400
"""The most characters of a number: no setting needs more, and some take Python minutes."""
NUMBER_TAGS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def is_yaml_file(name: object) -> bool:
    """Return whether a value names a YAML file, not a shipped study or task."""
    return isinstance(name, str) and name.endswith((".yaml", ".yml"))


def read_yaml(path: Path, kind: str) -> str:
    """Read the file of a study or a task (`kind`).

    Raises:
        UserError: it is missing, not a file, too large, or not UTF-8 text.
    """
    try:
        with open_input(path) as file:
            size = os.fstat(file.fileno()).st_size
        if size > MAX_BYTES:
            raise UserError(f"{path}: has {size:,} bytes, and at most 1 MB is read")
        return "".join(read_lines(path))
    except UserError as error:
        absent = isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)
        raise UserError(
            f"no {kind} file {path}" if absent else f"cannot read {kind} {error}"
        ) from error


def parse_fields(text: str) -> dict[Any, Any]:
    """Parse YAML that consists of keys and values.

    Raises:
        UserError: it does not, is too large, has a key twice, or a value does not fit its tag.
    """
    try:
        fields = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark, why = error.problem_mark, [error.context, error.problem]
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UserError(f"not YAML: {where}{', '.join(part for part in why if part)}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = quoted(text[error.position : error.position + 1])
        raise UserError(f"not YAML: line {line}: {character} is not a text character") from error
    except RecursionError as error:
        raise UserError("not readable YAML: it is nested too deeply") from error
    if not isinstance(fields, dict):
        what = "nothing" if fields is None else type(fields).__name__
        raise UserError(f"expected keys and values, got {what}")
    return fields


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses a repeated key, as the specification demands.

    PyYAML keeps the last one. The nodes of an alias are counted at each use, before any value is
    constructed.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.sizes: dict[yaml.Node, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        is_alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if node is None:
            return None
        if not is_alias:
            self.sizes[node] = 1 + sum(self.sizes[child] for child in _children(node))
        elif node not in self.sizes:
            raise _yaml_error("it contains an alias of itself", node)
        if max(len(self.sizes), self.sizes[node]) > MAX_NODES:
            raise _yaml_error(f"more than {MAX_NODES:,} keys and values", node)
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if node.tag in NUMBER_TAGS and len(node.value) > MAX_NUMBER_LENGTH:
            raise _yaml_error(f"a number of {len(node.value):,} characters", node)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if (key.tag, key.value) in seen:
                raise _yaml_error(f"key {quoted(key.value)} occurs again here", key)
            seen.add((key.tag, key.value))
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct a value; PyYAML raises other errors if it does not fit its tag (`!!bool x`)."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
            kind = node.tag.rpartition(":")[2]
            raise _yaml_error(f"{quoted(node.value)} is not a valid {kind}", node) from error


def _yaml_error(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _children(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return (part for pair in node.value for part in pair)
    return node.value if isinstance(node, yaml.SequenceNode) else ()
