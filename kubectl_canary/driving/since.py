"""Since when a release has been in its phase: a note on its first route, in the cluster alone.

It is written in the patch that moves the shares, since nothing else of a cluster tells when that was: the times of
conditions move with other things. It is never rendered, and it goes with the release. What it says of another release,
or of a time that is not over, counts for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from kubectl_canary.api.equality import MISSING
from kubectl_canary.driving import approvals
from kubectl_canary.driving.lease import ANNOTATIONS, micro_time
from kubectl_canary.release.application import OWN_PREFIX
from kubectl_canary.release.patches import Op, look_up, pointer
from kubectl_canary.release.plan import Phase, PhaseKind, Plan
from kubectl_canary.rendering import record

ENDS = (PhaseKind.BEFORE, PhaseKind.PROMOTED, PhaseKind.ROLLED_BACK)
BACK = "back"  # what a way back is called in the note, whichever it is


@dataclass(frozen=True)
class Since:
    """A phase of a release, when it began, and when stable last had a share where it has none now; times in UTC."""

    phase: str
    moment: datetime
    release: str
    before_full: datetime | None = None

    @property
    def is_back(self) -> bool:
        """Whether the release is on its way back."""
        return self.phase == BACK


@dataclass(frozen=True)
class Notes:
    """What is noted of one plan's release."""

    plan: Plan

    @property
    def annotation(self) -> str:
        """The annotation of the route."""
        return f"{OWN_PREFIX}since.{self.plan.application.name}"

    def read(self, route: Mapping[str, Any], now: datetime) -> Since | None:
        """What a route says; None where it says nothing, or nothing about this release and a time that is over."""
        text = (route["metadata"].get("annotations") or {}).get(self.annotation)
        try:
            noted = json.loads(text or "")
            full = _moment(noted["beforeFull"]) if "beforeFull" in noted else None
            since = Since(str(noted["phase"]), _moment(noted["since"]), str(noted["release"]), full)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        is_known = since.release == record.release_digest(self.plan)
        return since if is_known and since.moment <= now else None

    def on_the_way(self, goal: Phase, route: Mapping[str, Any], now: datetime) -> list[Op]:
        """The operations that make a route with annotations say where its requests go now."""
        if goal.kind in (PhaseKind.BEFORE, PhaseKind.PROMOTED):
            return self._forgetting(route)
        full = (
            (self._before_full(route, now) or now)
            if goal.traffic.share == 1 and not goal.is_way_back
            else None
        )
        return self._saying(goal, now, full)

    def at_the_end(self, goal: Phase, route: Mapping[str, Any], now: datetime, *, always: bool) -> list[Op]:
        """The operations for a route that has arrived; none where it says what it has to.

        `always` says that it has to say something, where nobody has noted anything.
        """
        if goal.kind in ENDS:
            return self._forgetting(route)
        there = self.read(route, now)
        is_right = there is not None and there.phase == _called(goal)
        is_noted = look_up(route, _place(self.annotation)) is not MISSING
        if is_right or not (always or is_noted):
            return []
        return self._saying(goal, now, self._before_full(route, now) if goal.traffic.share == 1 else None)

    def _before_full(self, route: Mapping[str, Any], now: datetime) -> datetime | None:
        since = self.read(route, now)
        return since.before_full if since is not None else None

    def _saying(self, goal: Phase, now: datetime, full: datetime | None) -> list[Op]:
        since = Since(_called(goal), now, record.release_digest(self.plan), full)
        return [{"op": "add", "path": _place(self.annotation), "value": _text(since)}]

    def _forgetting(self, route: Mapping[str, Any]) -> list[Op]:
        """The operations that take off what is of a release alone: this note, and somebody's agreement."""
        places = (_place(self.annotation), _place(approvals.annotation(self.plan)))
        return [{"op": "remove", "path": place} for place in places if look_up(route, place) is not MISSING]


def _called(goal: Phase) -> str:
    return BACK if goal.is_way_back else goal.name


def _place(annotation: str) -> str:
    return pointer((*ANNOTATIONS, annotation))


def _text(since: Since) -> str:
    noted = {"phase": since.phase, "since": micro_time(since.moment), "release": since.release}
    if since.before_full is not None:
        noted["beforeFull"] = micro_time(since.before_full)
    return json.dumps(noted)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
