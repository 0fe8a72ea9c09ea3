"""How a YAML text is written, and new values written the same way."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from kubectl_canary.expressions import regex
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.nodes import MAPPING, SEQUENCE, Node
from kubectl_canary.records import dataclass

SHARES = regex(r"(?:[a-z][a-z-]* )*[0-9.]+%\Z|[a-z][a-z-]* from [a-z][a-z-]*\Z")
SINGLE_QUOTED = regex(r"[\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufdff]*\Z")


@dataclass(frozen=True)
class Style:
    """Columns by which a mapping and a list stand below their key, and whether all of it is JSON."""

    step: int = 2
    dash: int = 2
    is_json: bool = False

    def lines(self, value: Any) -> list[str]:
        """A value in block style, from column 0."""
        if isinstance(value, dict) and value:
            return [line for key, child in value.items() for line in self.entry(key, child)]
        if isinstance(value, list) and value:
            return [line for child in value for line in self.item(child)]
        return yamltext.block(value, 0).split("\n")

    def entry(self, key: str, child: Any) -> list[str]:
        """A key with its value."""
        lines, name = self.lines(child), f"{yamltext.scalar(str(key))}:"
        if isinstance(child, dict | list) and child:
            return [name, *indented(lines, self.below(child))]
        return [f"{name} {lines[0]}", *lines[1:]]

    def item(self, child: Any) -> list[str]:
        """An item of a list with its dash."""
        first, *rest = self.lines(child)
        return [f"- {first}", *indented(rest, 2)]

    def below(self, value: Any) -> int:
        """How many columns a value stands to the right of its key."""
        return self.dash if isinstance(value, list) else self.step

    def flow(self, value: Any, *, quoted: bool) -> str:
        """A value in one line, between braces."""
        if quoted or self.is_json:
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, dict):
            pairs = (
                f"{yamltext.scalar(str(key))}: {self.flow(child, quoted=False)}"
                for key, child in value.items()
            )
            return f"{{{', '.join(pairs)}}}"
        if isinstance(value, list):
            return f"[{', '.join(self.flow(child, quoted=False) for child in value)}]"
        return yamltext.scalar(value)


def indented(lines: list[str], columns: int) -> list[str]:
    """Lines further to the right; empty ones stay empty."""
    return [f"{' ' * columns}{line}" if line else line for line in lines]


def scalar_like(value: Any, quote: str) -> str | None:
    """A scalar in the quotes of another, shares (`mirror 20%`) without; None where these cannot hold it."""
    if not isinstance(value, str) or quote not in ("'", '"'):
        return value if isinstance(value, str) and SHARES.match(value) else None
    if quote == "'":
        return f"'{value.replace(quote, quote * 2)}'" if SINGLE_QUOTED.match(value) else None
    return yamltext.quoted(value)


def style_of(root: Node, text: str) -> Style:
    """The style that most of a document has."""
    steps: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    for node in root.all():
        if node.kind != MAPPING or node.is_flow or not node.keys:
            continue
        own = _column(text, node.keys[0].start)
        for child in node.children:
            if child.is_block and child.kind == MAPPING:
                steps[_column(text, child.keys[0].start) - own] += 1
            elif child.is_block and child.kind == SEQUENCE and child.body == child.start:
                dashes[_column(text, child.start) - own] += 1
    is_json = root.is_flow and bool(root.keys) and root.keys[0].is_quoted
    return Style(_most(steps), _most(dashes), is_json)


def _most(counted: Counter[int]) -> int:
    return counted.most_common(1)[0][0] if counted else 2


def _column(text: str, place: int) -> int:
    return place - (text.rfind("\n", 0, place) + 1)
