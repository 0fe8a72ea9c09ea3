"""YAML by kubectl's rules: reading with line numbers, and writing what every reader reads the same."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from kubectl_canary.errors import Refused
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding, Path, Where
from kubectl_canary.reading import jsontext, plain
from kubectl_canary.reading.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    MarkedYAMLError,
    Parser,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
    YAMLError,
)
from kubectl_canary.reading.scalars import WORDS, resolve
from kubectl_canary.records import dataclass

MAX_NODES = 200_000

STRING_TAGS = ("!", "tag:yaml.org,2002:str")
SCALAR_TAGS = tuple(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))


# --- reading ------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """Where a key or item stands: its own place, and its value's place and spelling."""

    key: tuple[int, int]
    value: tuple[int, int]
    spelling: str | None


class Text:
    """A text of documents, and where their parts stand: that is found when somebody asks."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file

    @functools.cached_property
    def composed(self) -> list[_Composed]:
        """The documents with their places.

        Raises Refused with every duplicate key, or with the first place that is not YAML.
        """
        composer = _Composer(self.text, self.file)
        try:
            documents = list(composer.documents())
        except YAMLError as error:
            finding = _syntax_finding(error, self.text, self.file)
            raise Refused(f"{self.file} is not YAML", [finding]) from None
        if composer.complaints:
            raise Refused(f"{self.file} is not valid", composer.complaints)
        return documents


@dataclass
class Document:
    """A YAML document of a text as Python data, or what stands below a path of it; and where each part stood there.

    Places are those of the text, whatever becomes of the value.
    """

    file: str
    value: Any
    begin: tuple[int, int] = (1, 1)
    text: Text | None = None
    number: int = 0
    above: Path = ()

    @property
    def start(self) -> tuple[int, int]:
        """The place where it begins."""
        mark = self.mark(()) if self.above else None
        return mark.value if mark else self.begin

    def mark(self, path: Path) -> Mark | None:
        """The place of a path; None where the document has no such path."""
        return self.text.composed[self.number].mark((*self.above, *path)) if self.text else None

    def part(self, path: Path) -> Document:
        """What stands at a path, with the same places, as a document of its own."""
        node = self.value
        for part in path:
            node = node[part]
        return Document(self.file, node, self.begin, self.text, self.number, (*self.above, *path))

    def where(self, path: Path) -> Where:
        """The place of a path, or of the nearest thing above it."""
        for length in range(len(path), 0, -1):
            mark = self.mark(path[:length])
            if mark is not None:
                return Where(self.file, *(mark.value if isinstance(path[length - 1], int) else mark.key))
        return Where(self.file, *self.start)


def read(text: str, file: str) -> list[Document]:
    """All documents of a text; what kubectl reads as JSON is read as JSON.

    Raises Refused with every duplicate key, or with the first place that is not YAML.
    """
    whole = Text(text, file)
    known = plain.documents(_events(text, file))
    if known is None:
        known = [(document.value, document.start) for document in whole.composed]
    return [Document(file, value, start, whole, number) for number, (value, start) in enumerate(known)]


def _events(text: str, file: str) -> Callable[[], Any]:
    """What answers with one event of a text after the other."""
    return jsontext.next_event(text) if jsontext.is_json(text, file) else Parser(text).get_event


def rebuilt(value: Any) -> Any:
    """The same value of mappings and lists of its own: what one shares with others, or twice in itself, is copied."""
    if isinstance(value, dict):
        return {key: rebuilt(child) for key, child in value.items()}
    return [rebuilt(item) for item in value] if isinstance(value, list) else value


def _syntax_finding(error: YAMLError, text: str, file: str) -> Finding:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if mark is not None:
        where = Where(file, mark.line + 1, mark.column + 1)
        return Finding("yaml", "error", (), str(problem), where, _unquoted(text, mark))
    position = min(getattr(error, "position", 0) or 0, len(text))
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return Finding("yaml", "error", (), str(problem), Where(file, line, column))


def _unquoted(text: str, mark: Any) -> str:
    """What to do about a `*.example.com` that was meant as text: the name of an alias begins like that."""
    before = text.splitlines()[mark.line : mark.line + 1]
    first = before[0][mark.column - 1 : mark.column] if before and mark.column else ""
    if first not in ("*", "&"):
        return ""
    return f"`{first}` begins an alias or an anchor: write a text that begins so in quotes"


def _place(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


class _Composed:
    """A document, and where its parts stand: the marks of each mapping and list by its id."""

    def __init__(self, start: tuple[int, int]) -> None:
        self.start, self.value = start, None
        self.marks: dict[int, dict[str | int, Mark]] = {}

    def mark(self, path: Path) -> Mark | None:
        """The place of a path; None where the document has no such path."""
        node: Any = self.value
        mark = None
        for part in path:
            mark = self.marks.get(id(node), {}).get(part)
            if mark is None:
                return None
            node = node[part]
        return mark


class _Composer:
    """Events → data. Deep, huge and self-containing input is refused where it becomes so."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.next = _events(text, file)
        self.complaints: list[Finding] = []
        self.most = max(MAX_NODES, len(text))  # what has no aliases has fewer values than characters

    def documents(self) -> Iterator[_Composed]:
        while type(event := self.next()) is not StreamEndEvent:
            if isinstance(event, DocumentStartEvent):
                self.anchors: dict[str, tuple[Any, int]] = {}
                self.nodes = 0
                first = self.next()
                document = _Composed(_place(first))
                self.marks = document.marks
                document.value = self.node(first, ())
                yield document

    def node(self, event: Any, path: Path) -> Any:
        self.count(1, event)
        kind = type(event)
        if kind is AliasEvent:
            return self.alias(event)
        before = self.nodes
        if kind is ScalarEvent:
            value = self.scalar(event)
        elif len(path) > plain.MAX_DEPTH:
            self.give_up(event, f"nested deeper than {plain.MAX_DEPTH} levels")
        elif kind is MappingStartEvent:
            value = self.mapping(path)
        else:
            value = self.sequence(path)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.nodes - before + 1)
        return value

    def alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            self.give_up(event, f"`*{event.anchor}` names no anchor that ends before it")
        value, size = self.anchors[event.anchor]
        self.count(size, event)
        return value

    def scalar(self, event: Any) -> Any:
        if event.tag in STRING_TAGS:
            return event.value
        is_plain = event.implicit[0] and event.tag is None
        return resolve(event.value) if is_plain or event.tag in SCALAR_TAGS else event.value

    def mapping(self, path: Path) -> dict[str, Any]:
        value: dict[str, Any] = {}
        marks = self.marks[id(value)] = {}
        merged: list[tuple[Any, Any]] = []
        while type(key_event := self.next()) is not MappingEndEvent:
            key = self.key(key_event, path)
            event = self.next()
            child = self.node(event, (*path, key))
            if key == "<<" and key_event.tag is None and key_event.implicit[0]:
                merged.append((child, event))
                continue
            if key in value:
                first = marks[key].key
                message = f"`{key}` stands here again; it was already given in line {first[0]}"
                self.complaints.append(
                    Finding("yaml", "error", (*path, key), message, Where(self.file, *_place(key_event)))
                )
            value[key] = child
            marks[key] = Mark(_place(key_event), _place(event), getattr(event, "value", None))
        for child, event in merged:
            self.merge(value, child, event)
        return value

    def merge(self, value: dict[str, Any], source: Any, event: Any) -> None:
        for parent in source if isinstance(source, list) else [source]:
            if not isinstance(parent, dict):
                self.give_up(event, "`<<` takes a mapping, or a list of mappings")
            for key, child in parent.items():
                if key not in value:
                    value[key] = child
                    self.marks[id(value)][key] = self.marks[id(parent)][key]

    def key(self, event: Any, path: Path) -> str:
        key = self.node(event, path) if type(event) in (ScalarEvent, AliasEvent) else None
        if type(key) is str:
            return key
        if isinstance(key, bool):
            return "true" if key else "false"
        if isinstance(key, int):
            return str(key)
        self.give_up(event, "a key must be a string; put it in quotes")
        return None

    def sequence(self, path: Path) -> list[Any]:
        value: list[Any] = []
        marks = self.marks[id(value)] = {}
        while type(event := self.next()) is not SequenceEndEvent:
            marks[len(value)] = Mark(_place(event), _place(event), getattr(event, "value", None))
            value.append(self.node(event, (*path, len(value))))
        return value

    def count(self, nodes: int, event: Any) -> None:
        self.nodes += nodes
        if self.nodes > self.most:
            self.give_up(event, f"more than {self.most:,} values, counting aliases")

    def give_up(self, event: Any, problem: str) -> NoReturn:
        raise MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


# --- writing ------------------------------------------------------------------

PLAIN = regex(r"[A-Za-z_/][A-Za-z0-9_./@+-]*(?:[:=][A-Za-z0-9_./@+-]+)*\Z")
AMOUNT = regex(r"[1-9][0-9]*(?:m|h|s|ms|Ki|Mi|Gi|Ti)\Z")
ESCAPES = regex("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
UNPRINTABLE = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff"
LITERAL_LINE = regex(rf"(?: *[^\s{UNPRINTABLE}](?:[^{UNPRINTABLE}]*[^\s{UNPRINTABLE}])?)?\Z")


def scalar(value: Any) -> str:
    """A scalar that kubectl, YAML 1.1 and YAML 1.2 all read as this value."""
    if isinstance(value, str):
        return _string(value)
    return json.dumps(value)


def _string(text: str) -> str:
    is_plain = AMOUNT.match(text) or (PLAIN.match(text) and text not in WORDS)
    return text if is_plain else quoted(text)


def quoted(text: str) -> str:
    """A string in double quotes."""
    written = json.dumps(text, ensure_ascii=False)
    if written.isprintable():
        return written
    return ESCAPES.sub(lambda match: f"\\u{ord(match.group()):04x}", written)


def flow(value: Any) -> str:
    """A value on one line, in flow style."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{scalar(str(key))}: {flow(child)}' for key, child in value.items())}}}"
    return f"[{', '.join(map(flow, value))}]" if isinstance(value, list) else scalar(value)


def block(value: Any, indent: int) -> str:
    """A value in block style; all lines but the first are indented by `indent` spaces."""
    return "\n".join(" " * indent * bool(line) + line for line in _lines(value))[indent:]


def after_key(value: Any, indent: int) -> str:
    """What follows `key:`: a space and a scalar, or a block on the lines below, indented by `indent` spaces."""
    if isinstance(value, dict | list) and value:
        return f"\n{' ' * indent}{block(value, indent)}"
    return f" {block(value, indent)}"


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, child in value.items() for line in _entry(f"{scalar(str(key))}:", child)]
    if isinstance(value, list) and value:
        return [line for child in value for line in _item(child)]
    if isinstance(value, dict | list):
        return ["{}" if isinstance(value, dict) else "[]"]
    if isinstance(value, str) and _is_literal(value):
        return [
            "|" if value.endswith("\n") else "|-",
            *(f"  {line}".rstrip() for line in value.removesuffix("\n").split("\n")),
        ]
    return [scalar(value)]


def _entry(key: str, child: Any) -> list[str]:
    lines = _lines(child)
    if isinstance(child, dict | list) and child:
        return [key, *(f"  {line}".rstrip() for line in lines)]
    return [f"{key} {lines[0]}", *lines[1:]]


def _item(child: Any) -> list[str]:
    first, *rest = _lines(child)
    return [f"- {first}", *(f"  {line}".rstrip() for line in rest)]


def _is_literal(text: str) -> bool:
    """Several lines that a literal block can hold without an indentation indicator."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and lines[0][:1].strip() != ""
        and lines[-1] != ""
        and all(LITERAL_LINE.match(line) for line in lines)
    )
