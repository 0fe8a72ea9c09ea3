"""The nodes of a YAML document's text: what each is, and from which character to which it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kubectl_canary.reading.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    Parser,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)
from kubectl_canary.reading.scalars import resolve
from kubectl_canary.records import dataclass, field

SCALAR, MAPPING, SEQUENCE, ALIAS = "scalar", "mapping", "sequence", "alias"
LITERAL, FOLDED = "|", ">"


@dataclass
class Node:
    """A node from `start` to `end`; `style` of a scalar is its quote, and `children` of a mapping are its values.

    `body` is where it begins behind its tag and its anchor. `uses` are the aliases that name it.
    """

    kind: str
    start: int
    end: int
    body: int
    style: str = ""
    is_flow: bool = False
    keys: list[Key] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    uses: list[int] = field(default_factory=list)

    @property
    def is_block(self) -> bool:
        """Whether it is a mapping or list without braces and brackets."""
        return self.kind in (MAPPING, SEQUENCE) and not self.is_flow

    def all(self) -> Iterator[Node]:
        """The node and all below it."""
        yield self
        for child in self.children:
            yield from child.all()


@dataclass(frozen=True)
class Key:
    """A key of a mapping, its place, and whether it is quoted."""

    text: str
    start: int
    end: int
    is_quoted: bool


def root(text: str, number: int) -> Node:
    """The node of a document, counted from 0. Raises YAMLError for what YAML has another word for than JSON."""
    following = Parser(text).get_event
    while type(event := following()) is not StreamEndEvent:
        if isinstance(event, DocumentStartEvent):
            node = _Nodes(text, following).node(following())
            if number == 0:
                return node
            number -= 1
    raise IndexError(number)


class _Nodes:
    """Events → nodes of one document."""

    def __init__(self, text: str, following: Callable[[], Any]) -> None:
        self.text = text
        self.next = following
        self.anchors: dict[str, Node] = {}

    def node(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, AliasEvent):
            self.anchors[str(event.anchor)].uses.append(start)
            return Node(ALIAS, start, end, start)
        is_scalar = isinstance(event, ScalarEvent)
        node = self.scalar(event, start, end) if is_scalar else self.collection(event, start)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def scalar(self, event: Any, start: int, end: int) -> Node:
        style = event.style or ""
        body = self.behind_properties(event, start)
        if style in (LITERAL, FOLDED) and style:
            head = self.text[body:end].partition("\n")[0]
            if "+" not in head.partition("#")[0]:
                end = body + len(self.text[body:end].rstrip())
        return Node(SCALAR, start, end, body, style)

    def collection(self, event: Any, start: int) -> Node:
        body = self.behind_properties(event, start)
        is_mapping = isinstance(event, MappingStartEvent)
        node = Node(MAPPING if is_mapping else SEQUENCE, start, body, body, is_flow=bool(event.flow_style))
        last = self.pairs(node) if is_mapping else self.items(node)
        is_closed = self.text[body : body + 1] in ("{", "[") and node.is_flow
        node.end = last.end_mark.index if is_closed else self.last_end(node)
        return node

    @staticmethod
    def last_end(node: Node) -> int:
        ends = [node.body, *(key.end for key in node.keys[-1:]), *(child.end for child in node.children[-1:])]
        return max(ends)

    def pairs(self, node: Node) -> Any:
        while type(event := self.next()) is not MappingEndEvent:
            key = self.node(event)
            node.keys.append(Key(_key(event), key.start, key.end, bool(getattr(event, "style", None))))
            node.children.append(self.node(self.next()))
        return event

    def items(self, node: Node) -> Any:
        while type(event := self.next()) is not SequenceEndEvent:
            node.children.append(self.node(event))
        return event

    def behind_properties(self, event: Any, start: int) -> int:
        """Where the node begins behind `!tag` and `&anchor`."""
        text, place = self.text, start
        if event.anchor is None and event.tag is None:
            return place
        while place < len(text) and text[place] in "!&":
            while place < len(text) and not text[place].isspace():
                place += 1
            while place < len(text) and text[place].isspace():
                place += 1
        return place


def _key(event: Any) -> str:
    """A key as kubectl reads it; what is neither text nor so read has been refused before."""
    if isinstance(event, AliasEvent):
        return ""
    value = event.value
    read = resolve(value) if event.implicit[0] and event.tag is None else value
    return str(read).lower() if isinstance(read, bool) else str(read)
