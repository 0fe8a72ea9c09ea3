"""Who tests the canary: expressions that mean the same wherever they are compared, and what is refused."""

from __future__ import annotations

import pytest
from conftest import ROOT, run_here
from hypothesis import given
from hypothesis import strategies as st

from kubectl_canary.api import re2
from kubectl_canary.findings import Finding
from kubectl_canary.reading import testing, yamltext
from kubectl_canary.release.testers import Testers
from kubectl_canary.routing.requests import Request

TEXTS = st.text("ay.*+?()|[]{}^$-_~!#%&'`", min_size=1, max_size=5)


def fits(testers: Testers, text: str) -> bool:
    """Whether the expression takes a text; the whole of it and anywhere in it are the same."""
    pattern = re2.compiled(testers.condition["value"])
    whole, anywhere = bool(pattern.fullmatch(text)), bool(pattern.search(text))
    assert whole == anywhere
    return whole


def cookies(header: str) -> list[str]:
    """The cookies of a header, by RFC 6265."""
    return [pair.strip(" \t") for pair in header.split(";")]


@pytest.mark.parametrize(
    ("header", "is_there"),
    [
        ("canary=v.2", True),
        ("a=1; canary=v.2", True),
        ("canary=v.2; b=2", True),
        ("a=1;canary=v.2 ;b=2", True),
        ("canary=v.1; canary=v.2", True),
        ("xcanary=v.2", False),
        ("x-canary=v.2; a=1", False),
        ("canary=v.20", False),
        ("canary=v.2=", False),
        ("canary=vx2", False),
        ("a=canary=v.2", False),
        ("Canary=v.2", False),
        ("canary=v.2,", False),
        ("", False),
    ],
)
def test_a_cookie_is_found_anywhere_and_whole(header: str, is_there: bool) -> None:
    assert is_there is fits(Testers("cookie", "canary", "v.2"), header)


@given(TEXTS, TEXTS, st.lists(st.tuples(TEXTS, TEXTS), max_size=3), st.sampled_from(["; ", ";"]))
def test_nothing_but_the_cookie_is_taken(
    name: str, value: str, others: list[tuple[str, str]], between: str
) -> None:
    testers = Testers("cookie", name, value)
    header = between.join(f"{other}={text}" for other, text in others)
    assert (f"{name}={value}" in cookies(header)) is fits(testers, header)
    assert fits(testers, between.join([*filter(None, [header]), f"{name}={value}"]))


@given(TEXTS, TEXTS)
def test_a_prefix_is_a_text_and_no_expression(prefix: str, text: str) -> None:
    assert text.startswith(prefix) is fits(Testers("header", "x", prefix, "Prefix"), text)


@pytest.mark.parametrize("written", ["a|b", "^(a|b)$", "^a|b$", "(?:a|b)"])
def test_an_expression_is_anchored_as_a_whole(written: str) -> None:
    testers = Testers("header", "x", written, "RegularExpression")
    assert [True, True, False, False] == [fits(testers, text) for text in ("a", "b", "ab", "xb")]


def test_an_anchored_expression_stays_as_it_is_written() -> None:
    assert "^v[12]$" == Testers("header", "x", "^v[12]$", "RegularExpression").condition["value"]
    assert r"^(^v\$)$" == Testers("header", "x", r"^v\$", "RegularExpression").condition["value"]


@pytest.mark.parametrize(
    ("testers", "title"),
    [
        (Testers("header", "x-canary", "true"), "x-canary: true"),
        (Testers("header", "x", "v.*", "RegularExpression"), "x matches v.*"),
        (Testers("header", "x", "v", "Prefix"), "x begins with v"),
        (Testers("query", "canary", "true"), "?canary=true"),
        (Testers("cookie", "canary", "true"), "cookie canary=true"),
    ],
)
def test_a_plan_says_who_tests(testers: Testers, title: str) -> None:
    assert title == testers.title


def test_cookies_that_come_apart_are_one_header() -> None:
    request = Request(headers=(("Cookie", "a=1"), ("cookie", "canary=true")))
    assert "a=1; canary=true" == request.header("cookie")


def _said(**testers: str) -> list[Finding]:
    return list(testing.findings({"testers": testers}))


@pytest.mark.parametrize(
    ("testers", "key", "message"),
    [
        ({}, (), "nothing says what testers send"),
        ({"header": "x", "query": "y"}, (), "`header` and `query` are given"),
        ({"query": "y", "value": "a", "match": "Prefix"}, ("match",), "`Prefix` is not for a query"),
        ({"cookie": "y", "value": "a", "match": "RegularExpression"}, ("match",), "is not for a cookie"),
        ({"header": "x", "match": "Prefix"}, ("value",), "`Prefix` compares with a value"),
        ({"header": "x", "value": "(", "match": "RegularExpression"}, ("value",), "`(` is not RE2"),
        ({"header": "x", "value": "(?=a)", "match": "RegularExpression"}, ("value",), "`(?=` is not known"),
        ({"cookie": "x", "value": "a b"}, ("value",), "no cookie has this value"),
        ({"cookie": "x", "value": "a;b"}, ("value",), "no cookie has this value"),
        ({"query": "x", "value": "a" * 1025}, ("value",), "allowed are 1024"),
    ],
)
def test_what_cannot_be_is_refused(testers: dict[str, str], key: tuple[str, ...], message: str) -> None:
    (finding,) = _said(**testers)
    assert ("spec", "testers", *key) == finding.path
    assert message in finding.message


def complaints(testers: str) -> list[str]:
    """What is said of testers in a whole canary file."""
    refused = run_here(
        "render", "-f", ROOT / "examples/my-app/canary.yaml", "--set", f"spec.testers={testers}"
    )
    assert (1, "") == (refused.code, refused.out)
    return [line.partition(": ")[2] for line in refused.err.splitlines() if "spec.testers" in line]


@pytest.mark.parametrize(
    ("carrier", "noun"),
    [("header", "a header name"), ("query", "a query parameter's name"), ("cookie", "a cookie's name")],
)
def test_a_bad_name_is_called_by_what_it_is(carrier: str, noun: str) -> None:
    (complaint,) = complaints(f"{{{carrier}: a b}}")
    assert f"spec.testers.{carrier}: `a b` is not {noun}: letters, digits and !#$%&'*+-.^_`|~" in complaint


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("(a", "missing closing )"),
        ("a)", "unexpected )"),
        ("[a", "missing closing ]"),
        ("*a", "missing argument to repetition operator"),
        ("a**", "invalid nested repetition operator"),
        ("a{2,1}", "invalid repeat count"),
        ("a++", "invalid nested repetition operator `++`"),
        ("x{2}+", "invalid nested repetition operator `{2}+`"),
        ("a{2,1001}", "invalid repeat count `{2,1001}`"),
        ("(?#a)", "invalid or unsupported Perl syntax"),
        (r"[*+]+\++a}+a+?\{1001\}", None),
        ("[b-a]", "invalid character class range"),
        ("a\\", "trailing backslash at end of expression"),
        (r"[\q]", "invalid escape sequence"),
        (r"a\Z", r"invalid escape sequence `\Z`"),
        (r"(a)\1", r"invalid escape sequence `\1`"),
        ("(?P<1>a)", "invalid named capture"),
        ("(?P<a>a)(?P<a>a)", "duplicate capture group name"),
        ("(?#a)(?&a)", "invalid or unsupported Perl syntax"),
        (r"\\Z\.\z\\pZ$", None),
        (r"\pL+", None),
        (r"\123", None),
        (r"[\12](", "missing closing )"),
        (r"\\pL(", "missing closing )"),
        (r"^\d+\s[[:alpha:]]\x41$", None),
    ],
)
def test_what_is_wrong_with_an_expression_is_said_as_re2_says_it(pattern: str, problem: str | None) -> None:
    assert problem == re2.problem(pattern)


@pytest.mark.parametrize(
    ("testers", "message"),
    [
        ("{header: x, value: a, match: exact}", "did you mean `Exact`?"),
        ("{query: x, match: prefix}", "did you mean `Prefix`?"),
        ('{cookie: x, value: ""}', "0 characters, allowed are at least 1"),
        ('{cookie: ""}', "`` is not a cookie's name"),
    ],
)
def test_a_mistake_is_said_once(testers: str, message: str) -> None:
    (complaint,) = complaints(testers)
    assert message in complaint


@pytest.mark.parametrize(
    "testers",
    [{"header": "x"}, {"query": "x", "value": "a" * 1024}, {"cookie": "x", "value": "a-b.~"}],
)
def test_what_can_be_is_not(testers: dict[str, str]) -> None:
    assert [] == _said(**testers)


CALLS = ROOT / "tests/cases/adopt-calls/canary.yaml"


def test_a_call_has_no_query_parameter_and_has_headers() -> None:
    refused = run_here("render", "-f", CALLS, "--set", "spec.testers={query: canary}")
    assert (1, "") == (refused.code, refused.out)
    assert "knows no query parameters, as `?canary=true` is" in refused.err
    assert (
        0
        == run_here(
            "render", "-f", CALLS, "--set", "spec.testers={header: x-lab, value: v, match: Prefix}"
        ).code
    )


def test_a_template_has_the_expression_as_it_is() -> None:
    seed = ROOT / "examples/my-app/canary.yaml"
    cookie = "spec.testers={cookie: canary, value: a.b}"
    printed = run_here("render", "-f", seed, "--set", cookie, "--phase", "header-only", "--only", "route").out
    (rule,) = [
        rule
        for rule in yamltext.read(printed, "printed")[0].value["spec"]["rules"]
        if "headers" in rule["matches"][0]
    ]
    value = r"^(.*;)?[ \t]*canary=a\.b[ \t]*(;.*)?$"
    assert [{"type": "RegularExpression", "name": "cookie", "value": value}] == rule["matches"][0]["headers"]
