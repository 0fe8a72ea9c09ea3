"""What is read quickly is what the exact reader reads; whatever is odd is left to it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubectl_canary.errors import Refused
from kubectl_canary.reading import plain, yamltext

ROOT = Path(__file__).parent.parent
PIECES = [
    "&a ", "*a", "<<: *a", "<<: {a: 1}", "'<<': 1", "!!str ", "!!int ", "! ", "!x ", '"', "'", "- ", "? ", ": ", "{", "}", "[",
    "]", ",", "\t", "\n", " ", "---\n", "--- ", "...\n", "|\n", ">-\n", "#", " #", "on", "1: 2\n", "~: 1\n", "null", "0x1F", "1e3",
    "a: 1\na: 2\n", "%YAML 1.1\n", "\ufeff", "é", "\x07", "\u2028", "{a: [1, {b: c}]}", '{"a": "\\u00e9"}', "- " * 101, "[" * 101,
]  # fmt: skip


@functools.cache
def texts() -> list[str]:
    """Every YAML text of the repository that is not long, and JSON."""
    files = [file for end in ("*.yaml", "*.yml") for file in sorted(ROOT.glob(f"[a-z]*/**/{end}"))]
    return [text for file in files if len(text := file.read_text()) < 6000] + [
        '{"a": [1, "on", on]}\n{"b": {}}'
    ]


@st.composite
def edited(draw: st.DrawFn) -> str:
    """A text in which pieces stand, or that lacks some."""
    text = draw(st.sampled_from(texts()))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(text)))
        gone = draw(st.sampled_from([0, 0, 1, 7]))
        text = text[:place] + draw(st.sampled_from(PIECES)) + text[place + gone :]
    return text


def read_exactly(text: str) -> Any:
    """Each document's value and beginning, written so that `1`, `1.0` and `True` differ; None where it is refused."""
    try:
        return repr([(known.value, known.start) for known in yamltext.Text(text, "f.yaml").composed])
    except Refused:
        return None


def read_quickly(text: str) -> Any:
    known = plain.documents(yamltext._events(text, "f.yaml"))
    return None if known is None else repr(known)


@given(edited())
@example("a: &x 1\nb: *x\n")
@example("a: {<<: {b: 1}}\n")
@example("'<<': {b: 1}\n")
@example("a: 1\nb: 2\na: 3\n")
@example("on: 1\n'on': 2\n1: 3\n")
@example("? [a]\n: b\n")
@example("!!str a: !!int '1'\n")
@example("a: !!map {b: 1}\n")
@example("&x a: 1\n*x : 2\n")
@example("")
@example("---\n---\n# nothing\n--- a\n...\n")
@example("- " * 100 + "a")
@example("- " * 101 + "a")
@example("[" * 102 + "]" * 102)
def test_what_is_read_quickly_is_what_is_there(text: str) -> None:
    assert read_quickly(text) in (None, read_exactly(text))


def test_what_people_write_is_plain() -> None:
    known = [text for text in texts() if read_exactly(text) is not None]
    odd = [text for text in known if read_quickly(text) is None]
    assert len(odd) < len(known) / 50


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\nb: *x\n",
        "<<: {a: 1}\n",
        "a: !!str 1\n",
        "!!map {a: 1}\n",
        "1: 2\n",
        "&x a: 1\n",
        "? [a]\n: b\n",
    ],
)
def test_what_is_odd_is_left_alone(text: str) -> None:
    assert read_quickly(text) is None


def test_places_are_looked_for_when_they_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[int] = []
    composer = yamltext._Composer

    def compose(text: str, file: str) -> Any:
        composed.append(len(text))
        return composer(text, file)

    monkeypatch.setattr(yamltext, "_Composer", compose)
    first, second = yamltext.read("a: 1\n---\nkind: List\nitems:\n- b: {c: 2}\n", "f.yaml")
    below = second.part(("items", 0))
    assert ([], {"b": {"c": 2}}) == (composed, below.value)
    where = below.where(("b", "c"))
    assert ("f.yaml", 5, 7) == (where.file, where.line, where.column)
    assert ((5, 3), (1, 1)) == (below.start, first.start)
    assert below.where(("x",)).line == 5
    assert len(composed) == 1
