"""Whether one match of a rule takes a request, and where it stands at each criterion of precedence.

Source: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule and #grpcrouterule. What the specification leaves
to implementations is decided here as most of them do, and is said: a RegularExpression matches the whole text, and
stands between an exact path and a prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any

from kubectl_canary.api import re2
from kubectl_canary.api.unsupported import Unsupported
from kubectl_canary.records import dataclass
from kubectl_canary.routing.requests import Request

Match = dict[str, Any]
Key = tuple["int | str", ...]
EXACT, PREFIX, EXPRESSION = "Exact", "PathPrefix", "RegularExpression"
PATH_TYPES = (EXACT, EXPRESSION, PREFIX)  # the first wins


class Criterion(Enum):
    """A criterion of precedence, in the words of people."""

    HOSTNAME = "hostname"
    PATH_TYPE = "path type"
    PATH_LENGTH = "path length"
    METHOD = "method"
    HEADERS = "headers"
    QUERY = "query parameters"
    SERVICE = "gRPC service"
    CALL = "gRPC method"
    AGE = "age of the route"
    NAME = "name of the route"
    RULE = "order of rules"


@dataclass(frozen=True)
class Rank:
    """Where a match stands at a criterion: the smallest key wins; `words` say what it has there."""

    criterion: Criterion
    key: Key
    words: str


def takes(kind: str, match: Match, request: Request) -> bool:
    """Whether a match of a route of that kind takes a request."""
    known = _takes_call(match, request) if kind == "GRPCRoute" else _takes_http(match, request)
    return known and _takes_headers(match, request)


def ranks(kind: str, match: Match) -> tuple[Rank, ...]:
    """Where a match of a route of that kind stands, in the order of the criteria."""
    return _call_ranks(match) if kind == "GRPCRoute" else _http_ranks(match)


def expressions(match: Match) -> Iterator[str]:
    """The regular expressions of a match, whose meaning and precedence are left to implementations."""
    conditions = [match.get("path"), match.get("method"), *_headers(match), *_parameters(match)]
    for condition in conditions:
        if isinstance(condition, dict) and condition.get("type") == EXPRESSION:
            yield from (str(condition[key]) for key in ("value", "service", "method") if condition.get(key))


def is_known(pattern: str) -> bool:
    """Whether a pattern means to us what it means to RE2; one of which we do not know matches nothing."""
    try:
        re2.compiled(pattern)
    except Unsupported:
        return False
    return True


def path_of(match: Match) -> tuple[str, str]:
    """The type and value of a match's path, with the API's defaults."""
    path = match.get("path") or {}
    return path.get("type") or PREFIX, path.get("value") or "/"


def _takes_http(match: Match, request: Request) -> bool:
    method_fits = match.get("method") in (None, request.method)
    parameters = ((item, request.parameter(str(item["name"]))) for item in _parameters(match))
    return method_fits and _takes_path(match, request.path) and all(_fits(*pair) for pair in parameters)


def _takes_path(match: Match, path: str) -> bool:
    """Prefixes are compared element by element, and the slash at their end is ignored: `/foo` is not in `/foobar`."""
    kind, value = path_of(match)
    if kind == PREFIX:
        prefix = value.rstrip("/")
        return path == prefix or path.startswith(f"{prefix}/")
    return _is(kind, value, path)


def _takes_call(match: Match, request: Request) -> bool:
    parts = request.path.split("/")[1:]
    if request.method != "POST" or len(parts) != 2:
        return False
    wanted = match.get("method") or {}
    pairs = zip((wanted.get("service"), wanted.get("method")), parts, strict=True)
    return all(_is(wanted.get("type") or EXACT, value, text) for value, text in pairs if value)


def _takes_headers(match: Match, request: Request) -> bool:
    return all(_fits(item, request.header(str(item["name"]))) for item in _headers(match))


def _fits(condition: dict[str, Any], value: str | None) -> bool:
    return value is not None and _is(condition.get("type") or EXACT, str(condition.get("value", "")), value)


def _is(kind: str, wanted: str, text: str) -> bool:
    if kind != EXPRESSION:
        return wanted == text
    return is_known(wanted) and re2.compiled(wanted).fullmatch(text) is not None


def _headers(match: Match) -> list[dict[str, Any]]:
    """The headers that count: of those with one name, whatever its case, the first."""
    first: dict[str, dict[str, Any]] = {}
    for header in match.get("headers") or []:
        first.setdefault(str(header["name"]).lower(), header)
    return list(first.values())


def _parameters(match: Match) -> list[dict[str, Any]]:
    """The query parameters that count: of those with one name the first."""
    first: dict[str, dict[str, Any]] = {}
    for parameter in match.get("queryParams") or []:
        first.setdefault(str(parameter["name"]), parameter)
    return list(first.values())


def _http_ranks(match: Match) -> tuple[Rank, ...]:
    kind, value = path_of(match)
    length = len(value.rstrip("/")) if kind == PREFIX else len(value)
    method = match.get("method")
    return (
        Rank(Criterion.PATH_TYPE, (PATH_TYPES.index(kind),), f"{kind} {value}"),
        Rank(Criterion.PATH_LENGTH, (-length,), f"{kind} {value}"),
        Rank(Criterion.METHOD, (method is None,), str(method or "any")),
        _counted(Criterion.HEADERS, _headers(match)),
        _counted(Criterion.QUERY, _parameters(match)),
    )


def _call_ranks(match: Match) -> tuple[Rank, ...]:
    wanted = match.get("method") or {}
    service, call = str(wanted.get("service") or ""), str(wanted.get("method") or "")
    return (
        Rank(Criterion.SERVICE, (-len(service),), service or "any"),
        Rank(Criterion.CALL, (-len(call),), call or "any"),
        _counted(Criterion.HEADERS, _headers(match)),
    )


def _counted(criterion: Criterion, conditions: Sequence[dict[str, Any]]) -> Rank:
    names = ", ".join(str(condition["name"]) for condition in conditions)
    return Rank(criterion, (-len(conditions),), names or "none")
