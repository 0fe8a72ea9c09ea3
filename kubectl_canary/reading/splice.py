"""A document's text with another value, in which only the lines that must change do.

Comments, order, quotes, anchors, indentation and line ends stay. What comes out is read again and held against the
value; where it is not that value, nothing comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from kubectl_canary.api.equality import identical
from kubectl_canary.errors import Refused
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding, Where
from kubectl_canary.reading import nodes, styles, yamltext
from kubectl_canary.reading.alignment import aligned
from kubectl_canary.reading.events import YAMLError
from kubectl_canary.reading.nodes import Node
from kubectl_canary.records import dataclass

COLON = regex(r"\s*:")
DASH = regex(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*-")
COMMENT = regex(r"( *)#")
MERGE = "<<"


def spliced(text: str, after: Any, file: str = "manifests", number: int = 0) -> str:
    """The text of a file with another value of one of its documents, counted from 0.

    Raises Refused where the text cannot be edited so, with the place and what to do.
    """
    documents = yamltext.read(text, file)
    if identical(documents[number].value, after):
        return text
    editor = _Editor(text, file, number)
    edited = editor.edited(documents[number].value, after)
    wanted = [after if place == number else document.value for place, document in enumerate(documents)]
    for candidate in (
        edited,
        f"{edited}{editor.newline}",
    ):  # a text of several lines at the end needs its line end
        if _reads_as(candidate, file, wanted):
            return candidate
    start = documents[number].start
    return _refuse(file, start, "the change does not fit into this text", "write it in block style by hand")


def _reads_as(text: str, file: str, wanted: list[Any]) -> bool:
    try:
        return identical([document.value for document in yamltext.read(text, file)], wanted)
    except Refused:
        return False


def _refuse(file: str, place: tuple[int, int], message: str, hint: str) -> NoReturn:
    finding = Finding("splice", "error", (), message, Where(file, *place), hint)
    raise Refused(f"{file} cannot be edited in place", [finding])


@dataclass(frozen=True)
class _Slot:
    """What holds a value: a key or a dash in a column, which ends at `after`, or something between braces."""

    kind: str
    column: int
    after: int


@dataclass(frozen=True)
class _Span:
    """An entry of a mapping or an item of a list, from its key or dash to its end, and where the one before ends."""

    start: int
    end: int
    floor: int


class _Editor:
    """Edits of a text, gathered by going through both values at once."""

    def __init__(self, text: str, file: str, number: int) -> None:
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.is_ended = text.endswith("\n")
        self.text = text if self.is_ended else f"{text}{self.newline}"
        self.file = file
        self.number = number
        self.edits: list[tuple[int, int, str]] = []

    def edited(self, before: Any, after: Any) -> str:
        try:
            root = nodes.root(self.text, self.number)
        except (YAMLError, IndexError, KeyError):
            message, hint = "JSON that is no YAML", "write one object a file"
            _refuse(self.file, (1, 1), message, hint)
        self.style = styles.style_of(root, self.text)
        is_same_kind = isinstance(after, dict) and root.kind == nodes.MAPPING and bool(root.keys)
        if not is_same_kind or not isinstance(before, dict):
            self.refuse(root.start, "a document that becomes something else", "write it by hand")
        self.change(root, before, after, _Slot("root", 0, 0))
        return self.joined()

    def joined(self) -> str:
        """The text with all edits; what would overlap is refused."""
        parts, cursor = [], 0
        for start, end, new in sorted(self.edits, key=lambda edit: edit[:2]):
            if start < cursor:
                self.refuse(start, "two changes meet here", "write one of them by hand")
            parts += [self.text[cursor:start], new]
            cursor = end
        whole = "".join([*parts, self.text[cursor:]])
        return whole if self.is_ended else whole.removesuffix(self.newline)

    # --- what changes ---------------------------------------------------------

    def change(self, node: Node, old: Any, new: Any, slot: _Slot) -> None:
        if identical(old, new):
            return
        if node.uses:
            message = "an anchor whose value other places take too"
            self.refuse(node.start, message, "write the value out in their place")
        is_filled = bool(node.children) and bool(new)
        if node.kind == nodes.MAPPING and isinstance(new, dict) and is_filled:
            self.mapping(node, old, new, slot)
        elif node.kind == nodes.SEQUENCE and isinstance(new, list) and is_filled:
            self.sequence(node, old, new, slot)
        else:
            self.replace(node, new, slot)

    def mapping(self, node: Node, old: dict[str, Any], new: dict[str, Any], slot: _Slot) -> None:
        names = [None if key.text == MERGE and not key.is_quoted else key.text for key in node.keys]
        kept = [key is None or key in new for key in names]
        if not any(kept):
            self.replace(node, new, slot)
            return
        spans = self.spans_of_mapping(node, slot)
        kind, column = ("flow" if node.is_flow else "key"), self.column(node.keys[0].start)
        for key, name, child in zip(node.keys, names, node.children, strict=True):
            if name is not None and name in new:
                inner = _Slot(kind, column, self.colon(key.end))
                self.change(child, old[name], new[name], inner)
        self.drop(node, spans, kept)
        if added := _added(names, old, new):
            last = max(place for place, stays in enumerate(kept) if stays)
            self.add(node, spans, {(last if node.is_flow else len(spans) - 1): [added]})

    def sequence(self, node: Node, old: list[Any], new: list[Any], slot: _Slot) -> None:
        pairs = aligned(old, new)
        kept = [place in dict(pairs) for place in range(len(old))]
        spans = self.spans_of_list(node, slot)
        added = _inserted(pairs, new)
        is_beside = not node.is_flow and not self.is_first(spans[0].start)
        if not pairs or (is_beside and (not kept[0] or -1 in added)):
            self.replace(node, new, slot)
            return
        kind, column = ("flow" if node.is_flow else "item"), self.column(spans[0].start)
        for place, goal in pairs:
            inner = _Slot(kind, column, spans[place].start + (not node.is_flow))
            self.change(node.children[place], old[place], new[goal], inner)
        self.drop(node, spans, kept)
        self.add(node, spans, added)

    # --- what stands where ----------------------------------------------------

    def spans_of_mapping(self, node: Node, slot: _Slot) -> list[_Span]:
        spans, floor = [], slot.after
        for key, child in zip(node.keys, node.children, strict=True):
            spans.append(_Span(key.start, max(key.end, child.end), floor))
            floor = spans[-1].end
        return spans

    def spans_of_list(self, node: Node, slot: _Slot) -> list[_Span]:
        spans, floor, place = [], slot.after, node.body
        for child in node.children:
            dash = None if node.is_flow else DASH.match(self.text, place)
            start = dash.end() - 1 if dash else child.start
            spans.append(_Span(start, max(child.end, start + (not node.is_flow)), floor))
            floor = place = spans[-1].end
        return spans

    def colon(self, key_end: int) -> int:
        found = COLON.match(self.text, key_end)
        if found is None:
            self.refuse(key_end, "a key that is not followed by its colon", "write `key: value`")
        return found.end()

    def column(self, place: int) -> int:
        return place - self.line_start(place)

    def line_start(self, place: int) -> int:
        return self.text.rfind("\n", 0, place) + 1

    def line_end(self, place: int) -> int:
        """Where the next line begins; a value that ends with its line has none behind it."""
        if place > 0 and self.text[place - 1] == "\n":
            return place
        return self.text.index("\n", place) + 1

    def is_first(self, place: int) -> bool:
        """Whether nothing stands before it in its line."""
        return not self.text[self.line_start(place) : place].strip()

    def tail(self, span: _Span) -> int:
        """The end of an entry's lines, with the comments below that stand further to the right."""
        place = self.line_end(span.end)
        while (comment := COMMENT.match(self.text, place)) and len(comment[1]) > self.column(span.start):
            place = self.line_end(comment.end())
        return place

    def head(self, span: _Span) -> int:
        """The start of an entry's lines, with its comments right above."""
        place = self.line_start(span.start)
        while (above := self.line_start(max(place - 1, 0))) >= span.floor and above < place:
            comment = COMMENT.match(self.text, above)
            if comment is None or len(comment[1]) != self.column(span.start):
                break
            place = above
        return place

    # --- edits ----------------------------------------------------------------

    def edit(self, start: int, end: int, new: str) -> None:
        self.edits.append((start, end, new.replace("\n", self.newline)))

    def drop(self, node: Node, spans: Sequence[_Span], kept: Sequence[bool]) -> None:
        """Take entries away."""
        for child, stays in zip(node.children, kept, strict=True):
            if not stays:
                self.refuse_shared(child)
        if node.is_flow:
            self.drop_between_braces(spans, kept)
            return
        first = 0
        if not kept[0] and not self.is_first(spans[0].start):
            first = kept.index(True)
            self.drop_beside_dash(spans[0], spans[first - 1], spans[first])
        for span, stays in list(zip(spans, kept, strict=True))[first:]:
            if not stays:
                self.edit(self.head(span), self.tail(span), "")

    def drop_beside_dash(self, first: _Span, last: _Span, following: _Span) -> None:
        """Take the first entries of a mapping away that begins in the line of its dash."""
        between = self.text[self.tail(last) : following.start]
        if between.strip():  # comments of the next entry stay, and the dash stands alone
            dash = len(self.text[: first.start].rstrip(" "))
            self.edit(dash, self.line_end(last.end), "\n")
        else:
            self.edit(first.start, following.start, "")

    def drop_between_braces(self, spans: Sequence[_Span], kept: Sequence[bool]) -> None:
        last = max(place for place, stays in enumerate(kept) if stays)
        for place, span in enumerate(spans[:last]):
            if not kept[place]:
                self.edit(span.start, spans[place + 1].start, "")
        if last + 1 < len(spans):
            self.edit(spans[last].end, spans[-1].end, "")

    def add(self, node: Node, spans: Sequence[_Span], added: dict[int, list[Any]]) -> None:
        """Put new entries behind those of some places; behind -1 is before all."""
        for place, values in added.items():
            if node.is_flow:
                self.add_between_braces(node, spans, place, values)
                continue
            lines = [line for value in values for line in self.entry(node, value)]
            where = self.head(spans[0]) if place < 0 else self.tail(spans[place])
            column = self.column(spans[0].start)
            self.edit(where, where, "".join(f"{line}\n" for line in styles.indented(lines, column)))

    def entry(self, node: Node, value: Any) -> list[str]:
        """The lines of an entry, between braces where all items beside it are."""
        if node.kind == nodes.MAPPING:
            return self.style.lines(value)
        first = node.children[0]
        if all(child.is_flow for child in node.children) and isinstance(value, dict | list):
            return [f"- {self.style.flow(value, quoted=bool(first.keys) and first.keys[0].is_quoted)}"]
        return self.style.item(value)

    def add_between_braces(self, node: Node, spans: Sequence[_Span], place: int, values: list[Any]) -> None:
        is_quoted = bool(node.keys) and node.keys[0].is_quoted
        texts = [self.style.flow(value, quoted=is_quoted) for value in values]
        if node.kind == nodes.MAPPING:
            texts = [text[1:-1] for text in texts]
        comma = self.comma(node, spans)
        if place < 0:
            self.edit(spans[0].start, spans[0].start, "".join(f"{text}{comma}" for text in texts))
        else:
            self.edit(spans[place].end, spans[place].end, "".join(f"{comma}{text}" for text in texts))

    def comma(self, node: Node, spans: Sequence[_Span]) -> str:
        """What stands between two entries: a comma, and the next line where each has its own."""
        start = spans[0].end if len(spans) > 1 else node.body
        end = spans[1].start if len(spans) > 1 else spans[0].start
        between = self.text[start:end]
        if "\n" in between:
            return f",\n{' ' * self.column(spans[0].start)}"
        return "," if between == "," else ", "

    def replace(self, node: Node, new: Any, slot: _Slot) -> None:
        """Put a value in the place of another one."""
        self.refuse_shared(node)
        if slot.kind == "flow":
            self.put(node, self.spelled(node, new) or self.style.flow(new, quoted=node.style == '"'), slot)
        elif slot.kind == "item":
            column = self.column(node.start) if node.start > slot.after else slot.column + 2
            column = slot.column if isinstance(new, str) else column
            self.put(node, self.block(node, new, column), slot)
        elif isinstance(new, dict | list) and new:
            self.put_below(node, new, slot)
        elif "\n" in self.text[slot.after : node.start]:
            self.put_beside(node, self.block(node, new, slot.column), slot)
        else:
            self.put(node, self.block(node, new, slot.column), slot)

    def put(self, node: Node, text: str, slot: _Slot) -> None:
        """Put a text where the node stands; its anchor stays, and its tag goes."""
        first, *rest = text.split("\n")
        if node.start == node.end:
            self.edit(slot.after, slot.after, f" {first}")
        else:
            keeps = node.kind == nodes.SCALAR and "!" not in self.text[node.start : node.body]
            self.edit(node.body if keeps else node.start, self.inner_end(node), first)
        if rest:  # below a comment, which stays beside the first line
            where = self.line_end(self.inner_end(node) if node.end > node.start else slot.after)
            self.edit(where, where, "".join(f"{line}\n" for line in rest))

    def put_beside(self, node: Node, text: str, slot: _Slot) -> None:
        """Put a text beside its key in the place of what stands below."""
        first, *rest = text.split("\n")
        below = self.line_end(slot.after)
        self.edit(slot.after, slot.after, f" {first}")
        if rest:  # a comment above what goes would be text
            self.edit(below, self.line_end(node.end), "".join(f"{line}\n" for line in rest))
        else:
            self.edit(self.line_start(node.start), self.line_end(node.end), "")

    def inner_end(self, node: Node) -> int:
        """The end of a node without the empty lines that belong to a text."""
        return len(self.text[: node.end].rstrip("\r\n"))

    def put_below(self, node: Node, new: Any, slot: _Slot) -> None:
        """Put a mapping or list below its key, whose comment stays beside the key."""
        lines = styles.indented(self.style.lines(new), slot.column + self.style.below(new))
        text = "".join(f"{line}\n" for line in lines)
        if "\n" in self.text[slot.after : node.start]:
            self.edit(self.line_start(node.start), self.line_end(node.end), text)
            return
        end = max(slot.after, self.inner_end(node))
        self.edit(slot.after, end, "")
        self.edit(self.line_end(end), self.line_end(end), text)

    def block(self, node: Node, new: Any, column: int) -> str:
        first, *rest = [spelled] if (spelled := self.spelled(node, new)) else self.style.lines(new)
        return "\n".join([first, *styles.indented(rest, column)])

    def spelled(self, node: Node, new: Any) -> str | None:
        """A scalar in the quotes that the old one had."""
        if node.kind != nodes.SCALAR or (isinstance(new, str) and "\n" in new):
            return None
        return styles.scalar_like(new, node.style)

    # --- refusals -------------------------------------------------------------

    def refuse_shared(self, node: Node) -> None:
        """Raise Refused where something below has an anchor that others name."""
        for part in node.all():
            if any(not node.start <= use < node.end for use in part.uses):
                message = "an anchor whose value other places take too"
                self.refuse(part.start, message, "write the value out in their place")

    def refuse(self, place: int, message: str, hint: str) -> NoReturn:
        line = self.text.count("\n", 0, place) + 1
        _refuse(self.file, (line, self.column(place) + 1), message, hint)


def _added(own: Sequence[str | None], old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What a mapping has to say itself from now on, and neither says nor has from what it merges."""
    return {
        key: value
        for key, value in new.items()
        if key not in own and not (key in old and identical(old[key], value))
    }


def _inserted(pairs: Sequence[tuple[int, int]], new: Sequence[Any]) -> dict[int, list[Any]]:
    """New items by the place of the old one that they follow."""
    became = {right: left for left, right in pairs}
    groups: dict[int, list[Any]] = {}
    place = -1
    for number, value in enumerate(new):
        place = became.get(number, place)
        if number not in became:
            groups.setdefault(place, []).append(value)
    return groups
