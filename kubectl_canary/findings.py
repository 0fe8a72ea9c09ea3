"""What is wrong with an input: data, all shown at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from kubectl_canary.records import dataclass, field

Path = tuple[str | int, ...]
# controls but for line ends and tabs, and what overrides the direction of text
HIDDEN = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
# what code asks about: a key that our schema has not, a field that the API server has not (its message names the whole
# path), a key that is not there, a value of another type, and one that is not the text which is expected
Code = Literal["", "unknown-key", "unknown-field", "missing", "wrong-type", "not-a-string"]


@dataclass(frozen=True)
class Where:
    """A place in an input: line and column count from 1; 0 where the input has no lines (`--set`)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Finding:
    """One complaint about one place; `code` is for code that asks what it is, and the rest is for people."""

    rule: str
    severity: Literal["error", "warning"]
    path: Path
    message: str
    where: Where = Where("")
    hint: str = ""
    code: Code = field(default="", compare=False)

    def __str__(self) -> str:
        parts = [
            str(self.where),
            "warning" if self.severity == "warning" else "",
            path_text(self.path),
            self.message,
        ]
        text = ": ".join(part for part in parts if part)
        return f"{text}; {self.hint}" if self.hint else text


def visible(text: str) -> str:
    """Text for a terminal: what would move the cursor or turn the direction is written as an escape."""
    return re.sub(HIDDEN, lambda match: match[0].encode("unicode_escape").decode(), text)


def path_text(path: Path) -> str:
    """`spec.rules[0].name`, as the API server writes it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    import difflib  # only where something is wrong: it costs 2 ms

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Without repetitions, by place."""
    return sorted(
        set(findings), key=lambda f: (f.where.file, f.where.line, f.where.column, f.path, f.message)
    )
