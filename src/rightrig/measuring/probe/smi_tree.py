"""The two long forms of ``nvidia-smi``, ``-q`` and ``-q -x``, as trees of names and values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

Tree: TypeAlias = "dict[str, Tree | str | list[Tree | str]]"
"""Name → value, a branch, or several of one name; of one machine or of one card."""

_GPU_LINE: Final = re.compile(r"GPU ([0-9A-Fa-f]{4,8}:[0-9A-Fa-f:.]{4,12})")
_MOST_DEPTH: Final = 12
_NOTHING: Final = frozenset({"", "N/A", "None", "Not Active", "[N/A]", "Unknown Error"})
_DEPRECATED: Final = "Requested functionality"


def parse_xml(text: str) -> tuple[Tree, list[Tree]] | None:
    """Return the values of the machine and of each card from ``nvidia-smi -q -x``, if it is that.

    A declaration of entities is refused: nothing is expanded, fetched or opened.
    """
    if "<!ENTITY" in text:
        return None
    try:
        root = ET.fromstring(text.strip())  # noqa: S314 - as above
    except ET.ParseError:
        return None
    if root.tag != "nvidia_smi_log":
        return None
    cards: list[Tree] = []
    for element in root.findall("gpu"):
        tree = _branch(element, 0)
        if isinstance(tree, dict):
            cards.append({**tree, "bus_id": element.get("id", "")})
    head = {child.tag: child.text or "" for child in root if child.tag != "gpu"}
    return dict(head), cards


def _branch(element: ET.Element, depth: int) -> Tree | str:
    """Return one element."""
    children = list(element)
    if not children or depth > _MOST_DEPTH:
        return (element.text or "").strip()
    tree: Tree = {}
    for child in children:
        _add(tree, child.tag, _branch(child, depth + 1))
    return tree


def _add(tree: Tree, name: str, value: Tree | str) -> None:
    """Add a value; those of one name become a list."""
    before = tree.get(name)
    if before is None:
        tree[name] = value
    elif isinstance(before, list):
        before.append(value)
    else:
        tree[name] = [before, value]


def parse_text(text: str) -> tuple[Tree, list[Tree]] | None:
    """Return the values of the machine and of each card from ``nvidia-smi -q``, if it is that.

    Names are told from values by the first ``" : "``, branches by their indentation.
    """
    if "NVSMI LOG" not in text:
        return None
    head: Tree = {}
    cards: list[Tree] = []
    stack: list[tuple[int, Tree]] = [(-1, head)]
    for line in text.splitlines():
        start = _GPU_LINE.fullmatch(line.strip())
        if start:
            cards.append({"bus_id": start[1]})
            stack = [(0, cards[-1])]
        elif line.strip() and not line.startswith("="):
            _grow(stack, line)
    return head, cards


def _grow(stack: list[tuple[int, Tree]], line: str) -> None:
    """Add one line to the innermost branch that is indented less."""
    indent = len(line) - len(line.lstrip())
    name, colon, value = line.strip().partition(" : ")
    while len(stack) > 1 and stack[-1][0] >= indent:
        stack.pop()
    tree = stack[-1][1]
    if colon:
        # Of several processes the first counts: none of theirs is read.
        tree.setdefault(name.strip(), value.strip())
    elif len(stack) <= _MOST_DEPTH:
        branch: Tree = {}
        _add(tree, name.rstrip(": "), branch)
        stack.append((indent, branch))


def at(tree: Tree, *paths: Sequence[str]) -> str:
    """Return the value at the first of several paths that says something, or an empty text."""
    for path in paths:
        node: object = tree
        for name in path:
            node = node.get(name) if isinstance(node, dict) else None
        if isinstance(node, str) and node not in _NOTHING and not node.startswith(_DEPRECATED):
            return node
    return ""


def branches(tree: Tree, *path: str) -> list[Tree]:
    """Return the branches at a path: none, one, or several of one name."""
    node: object = tree
    for name in path:
        node = node.get(name) if isinstance(node, dict) else None
    many = node if isinstance(node, list) else [node]
    return [one for one in many if isinstance(one, dict)]


def digits_of(text: str) -> str:
    """Return the number that a value begins with, as it is written, or an empty text.

    >>> digits_of("700.00 W"), digits_of("16x"), digits_of("Enabled")
    ('700.00', '16', '')
    """
    match = re.match(r"-?\d{1,15}(\.\d{1,9})?", text.strip())
    return match[0] if match else ""
