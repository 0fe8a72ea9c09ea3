"""What becomes of a request, phase by phase, as text, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.findings import visible
from kubectl_canary.records import dataclass
from kubectl_canary.release.phases import percent
from kubectl_canary.reports import programs
from kubectl_canary.routing.answers import Share
from kubectl_canary.routing.simulation import Candidate, Decision, Outcome

HEADINGS = ("PHASE", "RULE", "ANSWERED BY", "COPIES TO")


@dataclass(frozen=True)
class Simulated:
    """A phase by its name, and what becomes of the request in it."""

    phase: str
    outcome: Outcome


def as_text(simulated: Simulated) -> str:
    """One phase: the rule, who answers, and why by each criterion of precedence that was needed."""
    outcome = simulated.outcome
    asked = f"{outcome.request.method} {outcome.request.url} in `{simulated.phase}`"
    lines = [f"{asked}{_winner(outcome)}", "", *_answered(outcome), *_reasons(outcome)]
    said = ["", *(f"note: {note}" for note in outcome.notes)] if outcome.notes else []
    return visible("\n".join([*lines, *said, ""]))


def as_table(simulated: Sequence[Simulated]) -> str:
    """A line a phase, under the request; notes stand below, each once."""
    request = simulated[0].outcome.request
    rows = [HEADINGS, *map(_cells, simulated)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    notes = dict.fromkeys(note for phase in simulated for note in phase.outcome.notes)
    said = ["", *(f"note: {note}" for note in notes)] if notes else []
    return visible("\n".join([f"{request.method} {request.url}", "", *lines, *said, ""]))


def as_json(simulated: Sequence[Simulated]) -> str:
    """The request and each phase; shares are percentages, and exact as fractions of 1."""
    request = simulated[0].outcome.request
    headers = [{"name": name, "value": value} for name, value in request.headers]
    asked = {"method": request.method, "url": request.url, "headers": headers}
    return programs.as_json({"request": asked, "phases": [*map(_value, simulated)]})


def _winner(outcome: Outcome) -> str:
    if outcome.winner is None:
        return ""
    return f": {outcome.winner.route.title}, {_title(outcome.winner)}, matches[{outcome.winner.match}]"


def _title(candidate: Candidate) -> str:
    """`rules[1] default`, as people look for it in the document."""
    return f"rules[{candidate.rule}] {candidate.rule_name}".rstrip()


def _answered(outcome: Outcome) -> Iterator[str]:
    if outcome.status is not None:
        yield f"  {_status(outcome)}"
    else:
        yield from (f"  {percent(part.share):>7}  {part.backend.title}" for part in outcome.shares)
    for part in outcome.mirrors:
        yield f"  {percent(part.share):>7}  copied to {part.backend.title}"


def _status(outcome: Outcome) -> str:
    """What the client gets where no backend answers."""
    if outcome.redirect is not None:
        return f"{outcome.redirect.status}: redirected to {outcome.redirect.url}"
    if outcome.winner is None:
        return f"{outcome.status}: no rule takes it"
    return f"{outcome.status}: the rule has no backend with a weight above 0"


def _reasons(outcome: Outcome) -> Iterator[str]:
    """The criteria of precedence, each with what the winner has there and whom that beats."""
    if outcome.winner is None:
        return
    yield ""
    if not outcome.decisions:
        yield "No other rule takes it."
        return
    yield "Why, criterion by criterion of the Gateway API's precedence:"
    widths = [
        max(len(decision.rank.criterion.value) for decision in outcome.decisions),
        max(len(decision.rank.words) for decision in outcome.decisions),
    ]
    for decision in outcome.decisions:
        criterion, words = decision.rank.criterion.value, decision.rank.words
        yield f"  {criterion:<{widths[0]}}  {words:<{widths[1]}}  {_beaten(decision, outcome.winner)}"


def _beaten(decision: Decision, winner: Candidate) -> str:
    if not decision.beaten:
        return "as all that are left"
    criterion = decision.rank.criterion
    return "before " + ", ".join(
        f"{_place(loser, winner)} ({loser.words(criterion) or loser.route.kind})" for loser in decision.beaten
    )


def _place(loser: Candidate, winner: Candidate) -> str:
    same = loser.route == winner.route
    return _title(loser) if same else f"{loser.route.title} {_title(loser)}"


def _cells(simulated: Simulated) -> tuple[str, ...]:
    outcome = simulated.outcome
    rule = "" if outcome.winner is None else outcome.winner.rule_name or _title(outcome.winner)
    answered = _sides(outcome.shares) if outcome.status is None else _status(outcome)
    return simulated.phase, rule, answered, _sides(outcome.mirrors)


def _sides(shares: Sequence[Share]) -> str:
    """Those that get something."""
    return ", ".join(f"{part.backend.title} {percent(part.share)}" for part in shares if part.share)


def _value(simulated: Simulated) -> dict[str, Any]:
    outcome, winner = simulated.outcome, simulated.outcome.winner
    return {
        "phase": simulated.phase,
        "status": outcome.status,
        "winner": None if winner is None else _candidate_value(winner),
        "backends": [*map(_share_value, outcome.shares)],
        "mirrors": [*map(_share_value, outcome.mirrors)],
        "redirect": None if outcome.redirect is None else vars(outcome.redirect),
        "decisions": [*map(_decision_value, outcome.decisions)],
        "notes": list(outcome.notes),
    }


def _candidate_value(candidate: Candidate) -> dict[str, Any]:
    route = candidate.route
    return {
        "kind": route.kind,
        "namespace": route.namespace or None,
        "name": route.name,
        "rule": candidate.rule,
        "ruleName": candidate.rule_name or None,
        "match": candidate.match,
    }


def _share_value(share: Share) -> dict[str, Any]:
    backend = share.backend
    return {
        "kind": backend.kind,
        "namespace": backend.namespace or None,
        "name": backend.name,
        "port": backend.port,
        "share": percent(share.share),
        "fraction": str(share.share),
    }


def _decision_value(decision: Decision) -> dict[str, Any]:
    criterion = decision.rank.criterion
    beaten = [{**_candidate_value(loser), "has": loser.words(criterion)} for loser in decision.beaten]
    return {"criterion": criterion.value, "has": decision.rank.words, "beaten": beaten}
