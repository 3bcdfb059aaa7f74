"""YAML read as plain data, with the line of every key and value, so that an error can say where it is.

The document is composed to nodes and never constructed: tags run nothing, a key written twice is seen, and anchors
(which can make a small file enormous) are refused.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES = 4 * 1024 * 1024
"""Larger files are refused: a programme or register is written by people."""
_MAX_DEPTH = 40

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a line (from 1; 0: the file as a whole), in words that end with the fix."""

    line: int
    message: str


@dataclass(slots=True)
class PositionedDocument:
    """The data of a file and the line of each path in it."""

    data: Any = None
    keys: dict[Path, int] = field(default_factory=dict)
    """Line of the key (or list item) at a path."""
    values: dict[Path, int] = field(default_factory=dict)
    """Line at which the value at a path begins."""
    findings: list[Finding] = field(default_factory=list)

    def line(self, path: Path, *, key: bool = False) -> int:
        """Line of a path; of its nearest parent where the path itself is not in the file."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        while path:
            found = first.get(path) or second.get(path)
            if found:
                return found
            path = path[:-1]
        return self.values.get((), 1)


def read_positioned_yaml(content: bytes) -> PositionedDocument:
    """Read a YAML document. Whatever is wrong with it stands under `findings`; `data` is then what could be read."""
    document = PositionedDocument()
    if len(content) > MAX_BYTES:
        document.findings.append(Finding(0, f"the file is larger than {MAX_BYTES // 2**20} MiB. Is it the right one?"))
        return document
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        document.findings.append(Finding(line, "the file is not UTF-8 here. Save it as UTF-8"))
        return document
    root = _compose(text, document)
    if root is not None:
        document.data = _plain(root, (), document, 0)
    return document


def _compose(text: str, document: PositionedDocument) -> Node | None:
    try:
        return YAML(typ="safe", pure=True).compose(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "this is not YAML"
        document.findings.append(
            Finding((mark.line + 1) if mark else 0, f"{problem}. Check indentation, quotes and brackets here")
        )
    except YAMLError as error:
        line = getattr(error, "position", None)
        number = text.count("\n", 0, line) + 1 if isinstance(line, int) else 0
        document.findings.append(Finding(number, "a character that YAML does not allow. Remove it"))
    except RecursionError:
        document.findings.append(Finding(0, "the file is nested too deeply. Flatten it"))
    return None


def _plain(node: Node, path: Path, document: PositionedDocument, depth: int) -> Any:
    line = _line(node)
    if isinstance(node, ScalarNode) and node.value == "":
        line = document.keys.get(path, line)  # a value that is not there begins, for YAML, at the next token
    document.values[path] = line
    if node.anchor is not None:
        document.findings.append(Finding(line, "anchors and aliases (& and *) are not read here. Write the value out"))
        return None
    if depth > _MAX_DEPTH:
        document.findings.append(Finding(line, "this is nested too deeply. Flatten it"))
        return None
    if isinstance(node, MappingNode):
        return _mapping(node, path, document, depth)
    if isinstance(node, SequenceNode):
        items: list[Any] = []
        nodes: Any = node.value
        for index, item in enumerate(nodes):
            document.keys[(*path, index)] = _line(item)
            items.append(_plain(item, (*path, index), document, depth + 1))
        return items
    return _scalar(node, line, document)


def _line(node: Node) -> int:
    mark: Any = node.start_mark
    return mark.line + 1


def _mapping(node: MappingNode, path: Path, document: PositionedDocument, depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = _line(key_node)
        key = key_node.value
        if not isinstance(key_node, ScalarNode) or not isinstance(key, str):
            document.findings.append(Finding(line, "a key must be a plain word. Write it like name: value"))
            continue
        if key in out:
            first = document.keys[(*path, key)]
            document.findings.append(
                Finding(line, f"{key!r} is written twice (first on line {first}). Keep one of the two")
            )
            continue
        document.keys[(*path, key)] = line
        out[key] = _plain(value_node, (*path, key), document, depth + 1)
    return out


def _scalar(node: Node, line: int, document: PositionedDocument) -> Any:
    text = str(node.value)
    kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "timestamp":
        return _day_or_text(text, line, document)
    if kind in ("int", "float"):
        return _number(text)
    document.findings.append(Finding(line, f"the tag {node.tag} is not read here. Remove it"))
    return None


def _day_or_text(text: str, line: int, document: PositionedDocument) -> Any:
    if not re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", text):
        return text  # an instant stays the text that was written; whoever wants one reads it strictly
    try:
        return date(*(int(part) for part in text.split("-")))
    except ValueError:
        document.findings.append(Finding(line, f"{text} is a day that does not exist. Correct it"))
        return None


def _number(text: str) -> Any:
    # Anything but plain decimals (octal, hexadecimal, 1_000, sexagesimal, .inf) stays a text and is refused as one:
    # in a file that people sign, a number must be what it looks like.
    if re.fullmatch(r"[-+]?(0|[1-9][0-9]{0,17})", text):
        return int(text)
    if re.fullmatch(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}", text):
        return float(text)
    return text
