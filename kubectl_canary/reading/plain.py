"""A quick reading of what is plain: values without places, straight from a parser's events.

Most texts have no anchor, no tag, no merge and no key twice, and nobody asks for places while nothing is wrong.
Whatever is odd is read by `yamltext`, which says what is wrong with it, and where.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubectl_canary.reading.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    YAMLError,
)
from kubectl_canary.reading.scalars import resolve

MAX_DEPTH = 100
MERGE = "<<"


class Odd(Exception):
    """Something that is not plain."""


def documents(next_event: Callable[[], Any]) -> list[tuple[Any, tuple[int, int]]] | None:
    """Each document's value, and the line and column where it begins; None where anything is odd."""
    known = []
    try:
        while type(event := next_event()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent:
                first = next_event()
                start = first.start_mark.line + 1, first.start_mark.column + 1
                known.append((_value(first, next_event, 0), start))
    except (Odd, YAMLError):
        return None
    return known


def _value(event: Any, next_event: Callable[[], Any], depth: int) -> Any:
    if event.anchor is not None or depth > MAX_DEPTH:  # aliases have the name of an anchor there
        raise Odd
    if event.tag is not None:
        raise Odd
    kind = type(event)
    if kind is ScalarEvent:
        return resolve(event.value) if event.implicit[0] else event.value
    if kind is MappingStartEvent:
        return _mapping(next_event, depth + 1)
    if kind is SequenceStartEvent:
        items = []
        while type(item := next_event()) is not SequenceEndEvent:
            items.append(_value(item, next_event, depth + 1))
        return items
    raise Odd


def _mapping(next_event: Callable[[], Any], depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    while type(event := next_event()) is not MappingEndEvent:
        key = _key(event)
        if key in value:
            raise Odd
        value[key] = _value(next_event(), next_event, depth)
    return value


def _key(event: Any) -> str:
    if type(event) is not ScalarEvent or event.anchor is not None or event.tag is not None:
        raise Odd
    if not event.implicit[0]:
        return event.value
    key = resolve(event.value)
    if type(key) is not str or key == MERGE:
        raise Odd
    return key
