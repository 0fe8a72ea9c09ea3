"""Which version has answered: what in an answer tells it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from kubectl_canary.api import formats
from kubectl_canary.findings import nearest, visible
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Version

HEADER, PATTERN, STATUS = "header", "pattern", "status"
LONGEST = 40  # characters of a value that is said


@dataclass(frozen=True)
class Mark:
    """Where in an answer the version stands: a header, a field of its JSON, what a pattern finds in it, the status."""

    kind: str
    what: str = ""

    @property
    def title(self) -> str:
        """`header x-version`."""
        return f"{self.kind} {self.what}".rstrip()


@dataclass(frozen=True)
class Reply:
    """An HTTP answer: header names are in lower case."""

    status: int
    headers: Sequence[tuple[str, str]]
    text: str


@dataclass(frozen=True)
class Unknown:
    """Why an answer tells no version."""

    why: str


def mark_of(text: str) -> Mark:
    """A mark as it is typed. Raises ValueError with the reason where it is none."""
    formats.version_mark(text)
    kind, _, what = text.partition(":")
    return Mark(kind, what.lower() if kind == HEADER else what)


def version_of(reply: Reply, mark: Mark, versions: Mapping[str, Version]) -> Version | Unknown:
    """The version that has answered, by the value that each has at the mark; else what there was instead."""
    value = _value(reply, mark)
    if value is None:
        return Unknown(_outcome(reply, f"no {mark.title}{_meant(reply, mark)}"))
    known = versions.get(value)
    return known if known is not None else Unknown(_outcome(reply, f"{mark.title} is `{_short(value)}`"))


def _outcome(reply: Reply, else_: str) -> str:
    """What went wrong, where the answer says so itself."""
    grpc = _header(reply, "grpc-status")
    if grpc not in (None, "0"):
        return f"gRPC status {grpc}"
    return else_ if reply.status == 200 else f"HTTP {reply.status}, {else_}"


def _meant(reply: Reply, mark: Mark) -> str:
    close = nearest(mark.what, [name for name, _ in reply.headers]) if mark.kind == HEADER else None
    return f" (did you mean {close}?)" if close else ""


def _value(reply: Reply, mark: Mark) -> str | None:
    if mark.kind == STATUS:
        return str(reply.status)
    if mark.kind == HEADER:
        return _header(reply, mark.what)
    return _found(reply.text, mark.what) if mark.kind == PATTERN else _field(reply.text, mark.what)


def _header(reply: Reply, name: str) -> str | None:
    return next((value for known, value in reply.headers if known == name), None)


def _found(text: str, pattern: str) -> str | None:
    """The first group of what a pattern finds, or all of it where it has none."""
    found = re.search(pattern, text)
    return found and found.group(1 if found.re.groups else 0)


def _field(text: str, path: str) -> str | None:
    """What stands under keys, and numbers of items, with dots between."""
    try:
        value = json.loads(text)
        for key in path.split("."):
            value = value[int(key)] if isinstance(value, list) else value[key]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _short(value: str) -> str:
    return visible(value if len(value) <= LONGEST else f"{value[:LONGEST]}…")
