"""Since when a release has been in its phase: a note on its first route, in the cluster alone.

It is written in the patch that moves the shares, since nothing else of a cluster tells when that was: the times of
conditions move with other things. It is written again once the gateways have followed, from when on the phase counts.
It is never rendered, and it goes with the release. What it says of another release, or of a time to come, counts for
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from kubectl_canary.api.equality import MISSING
from kubectl_canary.driving import approvals
from kubectl_canary.driving.lease import ANNOTATIONS, micro_time
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import OWN_PREFIX
from kubectl_canary.release.managed_fields import OURS, last_write
from kubectl_canary.release.patches import Op, look_up, pointer
from kubectl_canary.release.plan import Phase, PhaseKind, Plan
from kubectl_canary.rendering import record

ENDS = (PhaseKind.BEFORE, PhaseKind.PROMOTED, PhaseKind.ROLLED_BACK)
BACK, KEPT = "back", "kept"  # what a way back is called in the note, and its end where the canary's pods stay
SLACK = timedelta(seconds=2)  # between a note and the time that the API server gives the same write


@dataclass(frozen=True)
class Since:
    """A phase of a release, when it began, and when stable last had a share where it has none now; times in UTC.

    `is_settled` says that the gateways had followed by then; otherwise it is when the shares were written.
    """

    phase: str
    moment: datetime
    release: str
    before_full: datetime | None = None
    is_settled: bool = False

    @property
    def is_back(self) -> bool:
        """Whether the release is on its way back."""
        return self.phase == BACK

    @property
    def is_kept(self) -> bool:
        """Whether the release is back, and the canary's pods are kept."""
        return self.phase == KEPT


@dataclass(frozen=True)
class Notes:
    """What is noted of one plan's release."""

    plan: Plan

    @property
    def annotation(self) -> str:
        """The annotation of the route."""
        return f"{OWN_PREFIX}since.{self.plan.application.name}"

    def read(self, route: Mapping[str, Any], now: datetime) -> Since | None:
        """What a route says; None where it says nothing of this release.

        A time to come, or one after which others have written the route, is no time of the phase that it is in. That
        a release is on its way back is true whatever the time.
        """
        since = self._noted(route)
        if since is None or since.is_back or since.is_kept:
            return since
        return since if since.moment <= now and not _is_rewritten(route, since) else None

    def _noted(self, route: Mapping[str, Any]) -> Since | None:
        text = (route["metadata"].get("annotations") or {}).get(self.annotation)
        try:
            noted = json.loads(text or "")
            full = _moment(noted["beforeFull"]) if "beforeFull" in noted else None
            known = (str(noted["phase"]), _moment(noted["since"]), str(noted["release"]), full)
            since = Since(*known, bool(noted.get("settled")))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return since if since.release == record.release_digest(self.plan) else None

    def on_the_way(self, goal: Phase, route: Mapping[str, Any], now: datetime) -> list[Op]:
        """The operations that make a route with annotations say where its requests go now."""
        if goal.kind in (PhaseKind.BEFORE, PhaseKind.PROMOTED):
            return self._forgetting(route)
        is_full = goal.traffic.share == 1 and not goal.is_way_back
        full = (self._before_full(route, now) or now) if is_full else None
        return self._saying(Since(_called(goal), now, record.release_digest(self.plan), full))

    def at_the_end(self, goal: Phase, route: Mapping[str, Any], now: datetime, *, always: bool) -> list[Op]:
        """The operations for a route that has arrived; none where it says what it has to.

        `always` says that it has to say since when it has arrived, where nobody has noted that.
        """
        if goal.kind in ENDS:
            return self._forgetting(route)
        there, name = self.read(route, now), KEPT if goal.kind is PhaseKind.ROLLBACK else _called(goal)
        is_right = there is not None and (
            (there.phase == name and there.is_settled) if always else there.phase in (name, _called(goal))
        )
        is_noted = look_up(route, _place(self.annotation)) is not MISSING
        if is_right or not (always or is_noted):
            return []
        full = self._before_full(route, now) if goal.traffic.share == 1 else None
        return self._saying(Since(name, now, record.release_digest(self.plan), full, is_settled=True))

    def _before_full(self, route: Mapping[str, Any], now: datetime) -> datetime | None:
        since = self.read(route, now)
        return since.before_full if since is not None else None

    def _saying(self, since: Since) -> list[Op]:
        return [{"op": "add", "path": _place(self.annotation), "value": _text(since)}]

    def _forgetting(self, route: Mapping[str, Any]) -> list[Op]:
        """The operations that take off what is of a release alone: this note, and somebody's agreement."""
        places = (_place(self.annotation), _place(approvals.annotation(self.plan)))
        return [{"op": "remove", "path": place} for place in places if look_up(route, place) is not MISSING]


def _is_rewritten(route: Mapping[str, Any], since: Since) -> bool:
    """Whether others have written the spec of a route after a note."""
    write = last_write(route)
    if write is None or write.manager == OURS or not write.time:
        return False
    return datetime.fromisoformat(write.time.replace("Z", "+00:00")) > since.moment + SLACK


def _called(goal: Phase) -> str:
    return BACK if goal.is_way_back else goal.name


def _place(annotation: str) -> str:
    return pointer((*ANNOTATIONS, annotation))


def _text(since: Since) -> str:
    full = {"beforeFull": micro_time(since.before_full)} if since.before_full is not None else {}
    settled = {"settled": True} if since.is_settled else {}
    return json.dumps(
        {"phase": since.phase, "since": micro_time(since.moment), "release": since.release, **full, **settled}
    )


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
