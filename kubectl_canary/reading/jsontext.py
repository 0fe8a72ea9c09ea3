"""JSON by kubectl's rules: the events of a text, with places, as a YAML parser gives them.

kubectl reads what begins with a brace as JSON. A YAML parser reads most of it alike, but neither keys of more than
1,024 characters nor characters written as two halves.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

from yaml.error import Mark
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

TOKEN = re.compile(r'[{}\[\]]|"(?:[^"\\]|\\.)*"|[^\s,:{}\[\]"]+')
PLAIN, QUOTED = (True, False), (False, True)


def is_json(text: str, file: str) -> bool:
    """Whether kubectl reads a text as JSON: an object, or any value in a file that is called so."""
    if not text.lstrip().startswith("{") and not file.endswith(".json"):
        return False
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def next_event(text: str) -> Callable[[], Any]:
    """What gives the next event of a text that is JSON."""
    return _events(text).__next__


def _events(text: str) -> Iterator[Event]:
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    yield DocumentStartEvent()
    for match in TOKEN.finditer(text):
        line = bisect_right(lines, match.start()) - 1
        yield _event(match[0], Mark("", match.start(), line, match.start() - lines[line], None, 0))
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
