"""The Gateway API's precedence, read a second time and naively: all matches that take a request, sorted by one key.

Each component of the key is a sentence of the specification (HTTPRoute and GRPCRoute, `rules` and `hostnames`). Nothing
here comes from `kubectl_canary.routing`; a request is a dictionary.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

Document = dict[str, Any]
Triple = tuple[int, int, int]
HTTP = ("hostname", "hostname", "path type", "path length", "method", "headers", "query parameters")
GRPC = ("hostname", "hostname", "gRPC service", "gRPC method", "headers")
LAST = ("age of the route", "name of the route", "order of rules")


def hostname_takes(hostname: str, host: str) -> bool:
    if hostname[:2] == "*.":
        suffix, labels = hostname[2:].split("."), host.split(".")
        return len(labels) > len(suffix) and labels[-len(suffix) :] == suffix
    return hostname == host


def text_takes(kind: str, wanted: str, text: str) -> bool:
    return bool(re.match(f"(?:{wanted})\\Z", text)) if kind == "RegularExpression" else wanted == text


def path_takes(path: dict[str, Any], asked: str) -> bool:
    kind, value = path.get("type", "PathPrefix"), path.get("value", "/")
    if kind != "PathPrefix":
        return text_takes(kind, value, asked)
    wanted = [element for element in value.split("/") if element]
    return [element for element in asked.split("/") if element][: len(wanted)] == wanted


def first_of_each(conditions: list[dict[str, Any]], *, any_case: bool) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for one in conditions:
        names = [other["name"].lower() if any_case else other["name"] for other in kept]
        if (one["name"].lower() if any_case else one["name"]) not in names:
            kept.append(one)
    return kept


def match_takes(kind: str, match: dict[str, Any], asked: dict[str, Any]) -> bool:
    for header in first_of_each(match.get("headers", []), any_case=True):
        value = {name.lower(): text for name, text in asked["headers"].items()}.get(header["name"].lower())
        if value is None or not text_takes(header.get("type", "Exact"), header["value"], value):
            return False
    if kind == "GRPCRoute":
        called = re.match(r"/([^/]*)/([^/]*)\Z", asked["path"])
        if asked["method"] != "POST" or not called:
            return False
        wanted = match.get("method", {})
        return all(
            text_takes(wanted.get("type", "Exact"), wanted[key], text)
            for key, text in (("service", called[1]), ("method", called[2]))
            if key in wanted
        )
    for one in first_of_each(match.get("queryParams", []), any_case=False):
        value = asked["query"].get(one["name"])
        if value is None or not text_takes(one.get("type", "Exact"), one["value"], value):
            return False
    return match.get("method", asked["method"]) == asked["method"] and path_takes(
        match.get("path", {}), asked["path"]
    )


def key(document: Document, match: dict[str, Any], host: str, rule: int) -> list[Any]:
    hostnames = [name for name in document["spec"].get("hostnames", []) if hostname_takes(name, host)]
    exact = max((len(name) for name in hostnames if name[0] != "*"), default=0)
    found: list[Any] = [-exact, -max(map(len, hostnames), default=0)]
    headers = len(first_of_each(match.get("headers", []), any_case=True))
    if document["kind"] == "GRPCRoute":
        wanted = match.get("method", {})
        found += [-len(wanted.get("service", "")), -len(wanted.get("method", "")), -headers]
    else:
        path = match.get("path", {})
        kind, value = path.get("type", "PathPrefix"), path.get("value", "/")
        found += [
            # where an expression stands is left to implementations: behind exact paths, before prefixes
            {"Exact": "1", "RegularExpression": "2", "PathPrefix": "3"}[kind],
            -len(value.rstrip("/") if kind == "PathPrefix" else value),
            "no method" if "method" not in match else "has one",
            -headers,
            -len(first_of_each(match.get("queryParams", []), any_case=False)),
        ]
    metadata = document["metadata"]
    # a route that is not created yet is younger than every other
    return [
        *found,
        metadata.get("creationTimestamp", "9999"),
        f"{metadata['namespace']}/{metadata['name']}",
        rule,
    ]


def accepted(documents: list[Document]) -> list[Document]:
    """Of routes of two kinds with a hostname in common the older one, then the first by name."""
    kept: list[Document] = []
    for one in sorted(
        documents,
        key=lambda d: (
            d["metadata"].get("creationTimestamp", "9999"),
            d["metadata"]["namespace"] + "/" + d["metadata"]["name"],
        ),
    ):
        own = one["spec"].get("hostnames") or ["every"]
        if not any(
            one["kind"] != other["kind"]
            and any(n in own for n in other["spec"].get("hostnames") or ["every"])
            for other in kept
        ):
            kept.append(one)
    return kept


def ranked(documents: list[Document], asked: dict[str, Any]) -> list[tuple[list[Any], int, str, Triple]]:
    """Every match that takes the request: its key, its number, the kind of its route, and which one it is."""
    found = []
    for number, document in enumerate(documents):
        hostnames = document["spec"].get("hostnames")
        reachable = not hostnames or any(hostname_takes(name, asked["host"]) for name in hostnames)
        if document not in accepted(documents) or not reachable:
            continue
        for rule, value in enumerate(document["spec"]["rules"]):
            for index, match in enumerate(value.get("matches") or [{}]):
                if match_takes(document["kind"], match, asked):
                    place = (number, rule, index)
                    found.append((key(document, match, asked["host"], rule), index, document["kind"], place))
    return sorted(found, key=lambda one: (one[0][:2], one[0][2:], one[1]))


def winner(documents: list[Document], asked: dict[str, Any]) -> Triple | None:
    return next((place for *_, place in ranked(documents, asked)), None)


def losers(documents: list[Document], asked: dict[str, Any]) -> dict[tuple[int, int], str]:
    """The rules that take the request too, each with the criterion that its best match loses by."""
    everything = ranked(documents, asked)
    best, found = everything[0], {}
    for values, _, kind, (route, rule, _) in everything:
        if (route, rule) != best[3][:2] and (route, rule) not in found:
            names = (*(GRPC if kind == "GRPCRoute" else HTTP), *LAST)
            found[route, rule] = next(
                name for name, ours, theirs in zip(names, best[0], values, strict=False) if ours != theirs
            )
    return found


def split(rule: dict[str, Any]) -> dict[str, Fraction]:
    """The share of each backend that gets any."""
    weights: dict[str, int] = {}
    for ref in rule.get("backendRefs", []):
        weights[ref["name"]] = weights.get(ref["name"], 0) + ref.get("weight", 1)
    return {name: Fraction(weight, sum(weights.values())) for name, weight in weights.items() if weight}
