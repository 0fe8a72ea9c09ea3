"""Routes and a request → which rule wins, by which criterion of precedence over which others, and who answers.

`simulate` is the whole of it. It decides from documents alone: that a Service is there, that its pods are ready, and
that a Gateway lets a route attach is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kubectl_canary.records import dataclass
from kubectl_canary.routing import answers, attachment, matching
from kubectl_canary.routing.answers import Redirect, Share
from kubectl_canary.routing.attachment import Route
from kubectl_canary.routing.matching import Criterion, Match, Rank
from kubectl_canary.routing.requests import Request

NOT_FOUND, BROKEN = 404, 500


@dataclass(frozen=True)
class Candidate:
    """A match that takes the request: its route, its rule and itself by their numbers from 0, and its ranks."""

    route: Route
    rule: int
    match: int
    ranks: tuple[Rank, ...]

    @property
    def rule_value(self) -> dict[str, Any]:
        """The rule as it is written."""
        return self.route.rules[self.rule]

    @property
    def rule_name(self) -> str:
        """The rule's name; empty where it has none."""
        return str(self.rule_value.get("name") or "")

    @property
    def match_value(self) -> Match:
        """The match as it is written; one that takes every path where the rule has none."""
        return _matches(self.rule_value)[self.match]

    def words(self, criterion: Criterion) -> str:
        """What it has at a criterion; nothing where its kind of route has no such criterion."""
        return next((rank.words for rank in self.ranks if rank.criterion is criterion), "")


@dataclass(frozen=True)
class Decision:
    """A criterion of precedence: where the winner stands, and who else was in question and stands behind it."""

    rank: Rank
    beaten: tuple[Candidate, ...]


@dataclass(frozen=True)
class Outcome:
    """What becomes of a request.

    Without a winner it is answered with 404. `decisions` are the criteria up to the last that was needed, none where no
    other rule takes the request. `shares` are of the backends and empty for a redirect; `mirrors` get copies. `notes`
    say what the specification leaves to implementations, and which routes do not count.
    """

    request: Request
    winner: Candidate | None
    decisions: tuple[Decision, ...] = ()
    shares: tuple[Share, ...] = ()
    mirrors: tuple[Share, ...] = ()
    redirect: Redirect | None = None
    notes: tuple[str, ...] = ()

    @property
    def losers(self) -> tuple[tuple[Candidate, Criterion], ...]:
        """The rules that take the request too, each by its best match, with the criterion that decided against it."""
        return tuple(
            (loser, decision.rank.criterion) for decision in self.decisions for loser in decision.beaten
        )

    @property
    def status(self) -> int | None:
        """The HTTP status where no backend answers: 404 without a rule, the redirect's, 500; None where one does."""
        if self.winner is None:
            return NOT_FOUND
        if self.redirect is not None:
            return self.redirect.status
        return None if any(share.share for share in self.shares) else BROKEN


def simulate(documents: Sequence[dict[str, Any]], request: Request) -> Outcome:
    """What becomes of a request among routes.

    `documents` are HTTPRoutes and GRPCRoutes, and the Gateways whose listeners are to count; others are passed over.
    """
    routes, notes = attachment.met(documents, request)
    notes += _unknown_expressions(route for route, _ in routes)
    candidates = [best for route, hostname in routes for best in _candidates(route, hostname, request)]
    if not candidates:
        return Outcome(request, None, notes=tuple(notes))
    winner, decisions = _decide(candidates)
    rule, namespace = winner.rule_value, winner.route.namespace
    redirect = answers.redirect(rule, winner.match_value, request)
    return Outcome(
        request,
        winner,
        decisions,
        () if redirect else answers.shares(rule, namespace),
        () if redirect else answers.mirrors(rule, namespace),
        redirect,
        (*notes, *_left_to_implementations(candidates)),
    )


def _candidates(route: Route, hostname: Rank, request: Request) -> Iterator[Candidate]:
    """The best match of each rule that takes the request, in the order of rules."""
    for number, rule in enumerate(route.rules):
        taking = [
            Candidate(
                route,
                number,
                index,
                (hostname, *matching.ranks(route.kind, match), *route.age, _place(number)),
            )
            for index, match in enumerate(_matches(rule))
            if matching.takes(route.kind, match, request)
        ]
        if taking:
            yield min(taking, key=lambda candidate: [rank.key for rank in candidate.ranks])


def _place(rule: int) -> Rank:
    return Rank(Criterion.RULE, (rule,), f"rules[{rule}]")


def _matches(rule: dict[str, Any]) -> list[Match]:
    return rule.get("matches") or [{}]


def _decide(candidates: Sequence[Candidate]) -> tuple[Candidate, tuple[Decision, ...]]:
    """The winner, and the criteria that led to it. Routes of different kinds differ at the first, by hostname."""
    left = list(candidates)
    decisions: list[Decision] = []
    while len(left) > 1:
        place = len(decisions)
        best = min(candidate.ranks[place].key for candidate in left)
        beaten = tuple(candidate for candidate in left if candidate.ranks[place].key != best)
        left = [candidate for candidate in left if candidate.ranks[place].key == best]
        decisions.append(Decision(left[0].ranks[place], beaten))
    return left[0], tuple(decisions)


def _left_to_implementations(candidates: Sequence[Candidate]) -> Iterator[str]:
    matches = (candidate.match_value for candidate in candidates)
    for pattern in dict.fromkeys(pattern for match in matches for pattern in matching.expressions(match)):
        yield (
            f"what the regular expression `{pattern}` matches, and what it wins over, is implementation-specific; "
            "here it matches the whole text"
        )


def _unknown_expressions(routes: Iterable[Route]) -> list[str]:
    matches = (match for route in routes for rule in route.rules for match in _matches(rule))
    patterns = dict.fromkeys(pattern for match in matches for pattern in matching.expressions(match))
    return [
        f"the regular expression `{pattern}` is not known here, and is taken to match nothing"
        for pattern in patterns
        if not matching.is_known(pattern)
    ]
