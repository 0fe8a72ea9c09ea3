"""What the canary file says of testers, and what is wrong with it that its schema cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api import re2
from kubectl_canary.findings import Code, Finding, Path
from kubectl_canary.release.testers import BEGINNING, CARRIERS, EXACT, EXPRESSION, LONGEST, SENT, Testers

TESTERS: Path = ("spec", "testers")
DEFAULT = {"header": "x-canary"}
# what each carrier is compared by; a cookie is found by an expression of ours
MATCHES = {"header": (EXACT, EXPRESSION, BEGINNING), "query": (EXACT, EXPRESSION), "cookie": (EXACT,)}
KNOWN = MATCHES["header"]


def testers_of(spec: dict[str, Any]) -> Testers | None:
    """The testers of a `spec` without findings; None where nobody tests."""
    fields = spec.get("testers", DEFAULT)
    if fields is False:
        return None
    carrier = next(carrier for carrier in CARRIERS if carrier in fields)
    return Testers(carrier, fields[carrier], fields.get("value", "true"), fields.get("match", EXACT))


def findings(spec: Any) -> Iterator[Finding]:
    """What is wrong with `spec.testers`; where its shape is, the schema says so."""
    fields = _fields(spec)
    if fields is None:
        return
    carriers = [carrier for carrier in CARRIERS if carrier in fields]
    if len(carriers) != 1:
        yield _of_carriers(carriers)
        return
    match = fields.get("match", EXACT)
    if match not in KNOWN:
        return
    if match not in MATCHES[carriers[0]]:
        yield _of_match(carriers[0], match)
    elif match != EXACT and "value" not in fields:
        yield _error((*TESTERS, "value"), f"missing; `{match}` compares with a value", code="missing")
    else:
        yield from _of_value(testers_of(spec), (*TESTERS, "value"))


def _fields(spec: Any) -> dict[str, str] | None:
    """What `spec.testers` says; None where nobody tests, or where it has no good shape."""
    fields = spec.get("testers", DEFAULT) if isinstance(spec, dict) else None
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        return None
    return fields


def _of_carriers(carriers: Sequence[str]) -> Finding:
    if not carriers:
        return _error(TESTERS, "nothing says what testers send", "write one of header, query and cookie")
    both = " and ".join(f"`{carrier}`" for carrier in carriers)
    return _error(TESTERS, f"{both} are given", "keep one: testers are known by one thing that they send")


def _of_match(carrier: str, match: str) -> Finding:
    allowed = " or ".join(MATCHES[carrier])
    return _error((*TESTERS, "match"), f"`{match}` is not for a {carrier}; write {allowed}")


def _of_value(testers: Testers | None, path: Path) -> Iterator[Finding]:
    """What no request could send, no data plane take, or no route hold."""
    if testers is None:
        return
    if testers.carrier == "cookie" and testers.value and not SENT.fullmatch(testers.value):
        message = "no cookie has this value"
        yield _error(path, message, "spaces, quotes, commas, semicolons and backslashes cannot stand in it")
    problem = re2.problem(testers.value) if testers.match == EXPRESSION else None
    if problem:
        yield _error(path, f"`{testers.value}` is not RE2: {problem}")
    length, most = len(testers.condition["value"]), LONGEST[testers.key]
    if length > most:
        yield _error(path, f"the route gets {length} characters of it; allowed are {most}")


def matched(spec: Any) -> Iterator[Finding]:
    """Matches of `spec.route` that ask for what testers send already."""
    testers = None if _fields(spec) is None or any(findings(spec)) else testers_of(spec)
    if testers is None:
        return
    for path, name in _conditions(spec, testers.key):
        if testers.is_called(name):
            yield _error((*path, "name"), f"{testers.noun} is matched already", "let the testers use another")


def _conditions(spec: dict[str, Any], key: str) -> Iterator[tuple[Path, str]]:
    """The conditions of a list in the matches of `spec.route`, each with its place and name."""
    route = spec.get("route")
    matches = route.get("matches") if isinstance(route, dict) else None
    for index, match in enumerate(matches if isinstance(matches, list) else ()):
        listed = match.get(key) if isinstance(match, dict) else None
        for position, condition in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(condition, dict):
                yield ("spec", "route", "matches", index, key, position), str(condition.get("name"))


def _error(path: Path, message: str, hint: str = "", code: Code = "") -> Finding:
    return Finding("canary", "error", path, message, hint=hint, code=code)
