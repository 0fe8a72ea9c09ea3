"""A longer path wins over a header: a testers' rule on `/` never sees requests that another rule's `/api` takes.

Precedence is path first (exact, then the longest prefix), then method, then the number of headers. A header rule
has to repeat every path that it is meant for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.findings import Path
from kubectl_canary.judging.lint.objects import Objects, Violation, path_of, route_matches

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches:
        - {path: {value: /}, headers: [{name: x-canary, value: "true"}]}
        - {path: {value: /api}, headers: [{name: x-canary, value: "true"}]}
      backendRefs: [{name: shop-canary, port: 80}]
    - matches: [{path: {value: /api}}, {path: {value: /}}]
      backendRefs: [{name: shop, port: 80}]
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{headers: [{name: x-canary, value: "true"}]}]
      backendRefs: [{name: shop-canary, port: 80}]
    - matches: [{path: {value: /api}}, {path: {value: /}}]
      backendRefs: [{name: shop, port: 80}]
"""

Matches = list[tuple[Path, dict[str, Any]]]


def check(objects: Objects) -> Iterator[Violation]:
    """Header matches that a longer path of another rule, without the header, takes requests from."""
    for route in objects.of_kind("HTTPRoute"):
        matches = route_matches(route)
        for path, match in matches:
            winner = _winner(path, match, matches)
            if winner is not None:
                kind, longer = path_of(winner)
                word = "exact path" if kind == "Exact" else "longer prefix"
                header = ", ".join(sorted(_headers(match)))
                message = f"requests with {header} to `{longer}` do not come here: it is the {word}, without the header"
                yield route.violation(path, message, f"give the header rule a match with `{longer}` too")


def _winner(path: Path, match: dict[str, Any], matches: Matches) -> dict[str, Any] | None:
    """The match of another rule that takes requests from a match of headers."""
    headers = _headers(match)
    for other_path, other in matches if headers else ():
        is_of_another_rule = other_path[2] != path[2]
        if is_of_another_rule and _takes(other, match) and not _is_covered(other, headers, matches):
            return other
    return None


def _headers(match: dict[str, Any]) -> frozenset[str]:
    return frozenset(f"{header['name'].lower()}: {header['value']}" for header in match.get("headers") or [])


def _takes(other: dict[str, Any], match: dict[str, Any]) -> bool:
    """Whether `other` has a path that wins inside the match's, and does not ask for its headers."""
    (kind, path), (other_kind, other_path) = path_of(match), path_of(other)
    inside = path == "/" or other_path == path or other_path.startswith(f"{path.rstrip('/')}/")
    wins = (
        kind == "PathPrefix"
        and inside
        and (other_kind == "Exact" or other_path.rstrip("/") != path.rstrip("/"))
    )
    known = other_kind in ("Exact", "PathPrefix")
    return known and wins and not _headers(match) & _headers(other)


def _is_covered(other: dict[str, Any], headers: frozenset[str], matches: Matches) -> bool:
    """Whether some match has the path of `other` and the headers."""
    return any(path_of(match) == path_of(other) and headers <= _headers(match) for _, match in matches)
