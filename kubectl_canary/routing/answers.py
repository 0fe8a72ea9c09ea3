"""What a rule does with a request that it wins: who answers with what share, who gets copies, where it is sent."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from kubectl_canary.records import dataclass
from kubectl_canary.routing.backends import BackendRef
from kubectl_canary.routing.matching import Match, path_of
from kubectl_canary.routing.requests import PORTS, Request, url_of

Rule = dict[str, Any]
FOUND = 302  # of a redirect that names no status


@dataclass(frozen=True)
class Backend:
    """What a backendRef names, through the API's defaults; the namespace is empty where nobody says one."""

    kind: str
    namespace: str
    name: str
    port: int | None

    @property
    def title(self) -> str:
        """`shop-stable:80`; the kind too where it is no Service."""
        kind = "" if self.kind == "Service" else f"{self.kind} "
        return f"{kind}{self.name}{'' if self.port is None else f':{self.port}'}"


@dataclass(frozen=True)
class Share:
    """A backend and its share of the rule's requests, or of their copies: a Fraction of 1."""

    backend: Backend
    share: Fraction


@dataclass(frozen=True)
class Redirect:
    """Where a client is sent instead, and by which HTTP status."""

    status: int
    url: str


def shares(rule: Rule, namespace: str) -> tuple[Share, ...]:
    """The backends of a rule with their weight by the sum of weights; all 0 where the sum is 0."""
    refs = [BackendRef(ref) for ref in rule.get("backendRefs") or ()]
    total = sum(ref.weight for ref in refs) or 1
    return tuple(Share(_backend(ref, namespace), Fraction(ref.weight, total)) for ref in refs)


def mirrors(rule: Rule, namespace: str) -> tuple[Share, ...]:
    """Who gets copies, of which part of the rule's requests; a backend's own mirror has its part of its share."""
    of_rule = _mirrors(rule, namespace, Fraction(1))
    refs = rule.get("backendRefs") or []
    parts = [share.share for share in shares(rule, namespace)]
    of_backends = (_mirrors(ref, namespace, part) for ref, part in zip(refs, parts, strict=True))
    return (*of_rule, *itertools.chain.from_iterable(of_backends))


def redirect(rule: Rule, match: Match, request: Request) -> Redirect | None:
    """Where the rule sends the client; None where it asks backends.

    Source: https://gateway-api.sigs.k8s.io/reference/spec/#httprequestredirectfilter, for the port too.
    """
    known = (item["requestRedirect"] for item in rule.get("filters") or [] if item.get("requestRedirect"))
    wanted = next(known, None)
    if wanted is None:
        return None
    scheme = wanted.get("scheme") or request.scheme
    port = wanted.get("port") or (PORTS[scheme] if wanted.get("scheme") else request.port)
    host = wanted.get("hostname") or request.host
    path = _replaced(wanted.get("path") or {}, match, request.path)
    return Redirect(wanted.get("statusCode") or FOUND, url_of(scheme, host, port, path, request.query))


def _replaced(change: dict[str, Any], match: Match, path: str) -> str:
    if change.get("type") == "ReplaceFullPath":
        return change.get("replaceFullPath") or "/"
    if change.get("type") == "ReplacePrefixMatch":
        rest = path[len(path_of(match)[1].rstrip("/")) :]
        return f"{(change.get('replacePrefixMatch') or '').rstrip('/')}{rest}" or "/"
    return path


def _mirrors(holder: dict[str, Any], namespace: str, part: Fraction) -> Iterator[Share]:
    for item in holder.get("filters") or []:
        mirror = item.get("requestMirror")
        if mirror:
            yield Share(_backend(BackendRef(mirror["backendRef"]), namespace), part * copied(mirror))


def copied(mirror: dict[str, Any]) -> Fraction:
    """How much a mirror copies: all where it says nothing, `fraction` is of 100 where it names no denominator."""
    fraction = mirror.get("fraction")
    if fraction:
        return Fraction(fraction["numerator"], fraction.get("denominator") or 100)
    percent = mirror.get("percent")
    return Fraction(1) if percent is None else Fraction(percent, 100)


def _backend(ref: BackendRef, namespace: str) -> Backend:
    return Backend(ref.kind, ref.namespace(namespace) or "", ref.name, ref.port)
