"""A command line is read as click reads it, whichever of the two reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import pytest
from conftest import Result
from hypothesis import given
from hypothesis import strategies as st

from kubectl_canary.click_group import Command
from kubectl_canary.click_group import typed as typed_to_click
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.parameters import argument, option, typed
from kubectl_canary.verbs import VERBS, verb_called

TEXTS = ("5%", "-", "", "a b", "--", "-1", "x=y", "json", "text", "7", "007", "1_0", "none", "-o", "\udcff")


def words_of(name: str) -> st.SearchStrategy[list[str]]:
    """Command lines of a verb, most of them right: its flags in every form, values, and arguments."""
    parameters = verb_called(name).parameters
    names = [known for parameter in parameters for known in parameter.names] + [
        "--no-such",
        "-h",
        "--help",
        "-z",
    ]
    choices = [text for parameter in parameters for text in parameter.choices]
    texts = st.sampled_from([*TEXTS, *choices])
    joined = st.builds(
        lambda flag, text: flag + ("=" if flag.startswith("--") else "") + text, st.sampled_from(names), texts
    )
    pair = st.builds(lambda flag, text: [flag, text], st.sampled_from(names), texts)
    alone = st.one_of(st.sampled_from(names), texts, joined).map(lambda word: [word])
    needed = [
        word
        for parameter in parameters
        if parameter.required
        for word in ([parameter.names[-1], "5%"] if parameter.names else ["5%"])
    ]
    lines = st.lists(st.one_of(pair, alone), max_size=4).map(
        lambda parts: [word for part in parts for word in part]
    )
    return st.one_of(lines, lines.map(lambda words: needed + words))


def to_click(name: str, words: list[str]) -> dict[str, Any] | None:
    """What click makes of a line; None where it runs no verb."""
    command = Command(verb_called(name))
    try:
        return typed_to_click(command.make_context(name, list(words)))
    except (click.UsageError, click.exceptions.Exit):
        return None


@given(st.sampled_from(sorted(VERBS)).flatmap(lambda name: st.tuples(st.just(name), words_of(name))))
def test_what_is_read_here_is_what_click_reads(line: tuple[str, list[str]]) -> None:
    name, words = line
    here = typed(verb_called(name).parameters, words)
    if here is not None:
        assert here == to_click(name, words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rollback", ["--keep", "--context=web", "-n", "shop"]), ("render", ["--phase", "5%", "-f-", "-f", "a.yaml"]),
        ("validate", ["a.yaml", "-o", "json", "--", "-b"]), ("plan", []), ("verify", ["--requests", "20", "http://a"]),
        ("validate", ["-", "--fail-on=never"]), ("plan", ["--canary-tag=", "--set", "a=b", "--set=c=d"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_line_that_is_right_needs_no_click(name: str, words: list[str]) -> None:
    here = typed(verb_called(name).parameters, words)
    assert here is not None
    assert here == to_click(name, words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *(("verify", words) for words in (
            ["--no-such"], ["--help"], ["-h"], ["-o"], ["-o", "odd"], ["--insecure=yes"], ["a", "b"], ["--rate", "-1"],
            ["--requests", "0"], ["--requests", "99999999"], ["--requests", "٣"], ["--requests", "1_0"],
        )),
        ("patch", ["--to", "5%", "--check", "file"]), ("patch", ["--check=file"]), ("simulate", []),
    ],
    ids=str,
)  # fmt: skip
def test_click_is_asked_for_the_rest(name: str, words: list[str]) -> None:
    assert typed(verb_called(name).parameters, words) is None


def test_a_verb_gets_its_values_and_what_was_typed() -> None:
    seen: list[dict[str, Any]] = []

    @verb("act", "Act.", "  act", asks_what_was_typed=True)
    @option("-c", "--count", least=1, default=3)
    @option("--name", "names", multiple=True)
    @option("--deep", is_flag=True)
    @argument("files", multiple=True)
    def command(**values: Any) -> int:
        seen.append(values)
        return 7

    given_values = typed(command.parameters, ["a", "--name=b", "--name", "c", "-c5", "d"])
    assert given_values is not None
    assert 7 == command.run(given_values)
    assert 7 == command.run({})
    first = {"count": 5, "names": ("b", "c"), "deep": False, "files": ("a", "d")}
    otherwise = {"count": 3, "names": (), "deep": False, "files": ()}
    assert [
        {**first, "typed": frozenset({"count", "names", "files"})},
        {**otherwise, "typed": frozenset()},
    ] == seen


def test_a_number_without_bounds_is_none() -> None:
    with pytest.raises(TypeError, match="count: a number needs `least`"):
        option("--count", default=3)


@pytest.mark.parametrize("flag", ["--replicas", "--port", "--service-port"])
@pytest.mark.parametrize("text", ["3} #", "1_0", "+5", "0x10", "external", "0", "99999999999"])
def test_a_number_of_init_is_one(canary: Callable[..., Result], flag: str, text: str) -> None:
    words = ("--image", "a", "--tag", "b", "--gateway", "g", "--host", "a.b", "-f", "-")
    result = canary("init", *words, flag, text)
    assert (2 if text not in ("1_0", "+5") else 0) == result.code
    assert text not in result.out
