"""What a phase says of a request: how much of it the new version answers, and who tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import quote

from kubectl_canary.records import replace
from kubectl_canary.release.application import Application, Side, Version
from kubectl_canary.release.plan import Phase
from kubectl_canary.release.testers import BEGINNING, COOKIE, EXACT, Testers
from kubectl_canary.routing.backends import BackendRef
from kubectl_canary.routing.requests import Request
from kubectl_canary.routing.simulation import Outcome


def share_of_new(application: Application, phase: Phase, outcome: Outcome) -> Fraction:
    """The new version's share of a request.

    Raises ValueError with the reason where something else than the two versions answers it.
    """
    if outcome.redirect is not None:
        raise ValueError(f"it is redirected to {outcome.redirect.url}")
    if outcome.winner is None:
        raise ValueError("no rule takes it")
    refs = map(BackendRef, outcome.winner.rule_value.get("backendRefs") or ())
    parts = [
        (_side(application, ref), ref, part.share) for ref, part in zip(refs, outcome.shares, strict=True)
    ]
    others = [ref.name for side, ref, share in parts if side is None and share]
    if others or not any(share for _, _, share in parts):
        raise ValueError(f"{' and '.join(others) or 'nobody'} answers it")
    is_new = {Side.CANARY: True, Side.STABLE: phase.stable_version is Version.NEW}
    return sum((share for side, _, share in parts if side and is_new[side]), Fraction(0))


def example(application: Application, routes: Sequence[dict[str, Any]]) -> str | None:
    """Host and path of a request that a rule of the release takes; None where only a pattern says which."""
    for route in routes:
        hosts = route.get("spec", {}).get("hostnames") or [""]
        for rule in route.get("spec", {}).get("rules") or ():
            path = (rule.get("matches") or [{}])[0].get("path") or {}
            is_ours = any(_side(application, BackendRef(ref)) for ref in rule.get("backendRefs") or ())
            if is_ours and path.get("type") != "RegularExpression" and "*" not in hosts[0]:
                return f"{hosts[0]}{path.get('value') or '/'}"
    return None


def _side(application: Application, ref: BackendRef) -> Side | None:
    sides = (side for side in Side if any(service.is_sent(ref, side) for service in application.services))
    return next(sides, None)


def share_of_pods(phase: Phase) -> Fraction | None:
    """The canary's share of all pods; None where only one side has any."""
    total = phase.stable_replicas + phase.canary_replicas
    is_both = phase.stable_replicas and phase.canary_replicas
    return Fraction(phase.canary_replicas, total) if is_both else None


def of_tester(request: Request, testers: Testers) -> Request | None:
    """The request as a tester sends it; None where an expression says who tests, and no value is known."""
    if testers.match not in (EXACT, BEGINNING):
        return None
    if testers.carrier == "query":
        return replace(request, query="&".join(_parameters(request, testers)))
    if testers.carrier == "cookie":
        return with_cookie(request, f"{testers.name}={testers.value}")
    return _with_header(request, testers.name, testers.value)


def with_cookie(request: Request, cookie: str) -> Request:
    """The request with one more cookie, or several with semicolons."""
    return _with_header(request, COOKIE, "; ".join(filter(None, (request.header(COOKIE), cookie))))


def _with_header(request: Request, name: str, value: str) -> Request:
    others = [header for header in request.headers if header[0].lower() != name.lower()]
    return replace(request, headers=(*others, (name, value)))


def _parameters(request: Request, testers: Testers) -> Iterator[str]:
    """The tester's first: of a parameter that comes twice the first counts."""
    yield f"{quote(testers.name, safe='')}={quote(testers.value, safe='')}"
    if request.query:
        yield request.query
