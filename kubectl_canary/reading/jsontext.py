"""JSON by kubectl's rules: the events of a text, with places, as a YAML parser gives them.

kubectl reads what begins with a brace as JSON, one object after another. A YAML parser reads most of it alike, but
neither keys of more than 1,024 characters, nor characters written as two halves, nor objects in a row.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

from kubectl_canary.expressions import regex
from kubectl_canary.reading.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    Mark,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

TOKEN = regex(r'[{}\[\]]|"(?:[^"\\]|\\.)*"|[^\s,:{}\[\]"]+')
PLAIN, QUOTED = (True, False), (False, True)
SPACE = regex(r"[ \t\r\n]*")


def is_json(text: str, file: str) -> bool:
    """Whether kubectl reads a text as JSON: objects in a row, or any value in a file that is called so."""
    place = _after_space(text, 0)
    if not text.startswith("{", place) and not file.endswith(".json"):
        return False
    try:
        while True:
            _, end = DECODER.raw_decode(text, place)
            place = _after_space(text, end)
            if not text.startswith("{", place):
                return place == len(text)
    except (ValueError, RecursionError):
        return False


def _after_space(text: str, place: int) -> int:
    space = SPACE.match(text, place)
    return space.end() if space else place


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


DECODER = json.JSONDecoder(parse_constant=_refuse)


def next_event(text: str) -> Callable[[], Any]:
    """What gives the next event of a text that is JSON."""
    return _events(text).__next__


def _events(text: str) -> Iterator[Event]:
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    depth = 0
    for match in TOKEN.finditer(text):
        line = bisect_right(lines, match.start()) - 1
        if depth == 0:
            yield DocumentStartEvent()
        yield _event(match[0], Mark("", match.start(), line, match.start() - lines[line], None, 0))
        depth += (match[0] in "{[") - (match[0] in "}]")
        if depth == 0:
            yield DocumentEndEvent()
    yield StreamEndEvent()


def _event(spelling: str, mark: Mark) -> Event:
    if spelling == "{":
        return MappingStartEvent(None, None, True, mark)
    if spelling == "}":
        return MappingEndEvent(mark)
    if spelling == "[":
        return SequenceStartEvent(None, None, True, mark)
    if spelling == "]":
        return SequenceEndEvent(mark)
    if spelling[0] == '"':
        return ScalarEvent(None, None, QUOTED, json.loads(spelling, strict=False), mark)
    return ScalarEvent(None, None, PLAIN, spelling, mark)
