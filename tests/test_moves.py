"""What is next on a step, as a table: one look at a cluster, one move."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from test_driving import PLAN, TIMING, at
from test_plan import GENERATOR

from kubectl_canary.driving.moves import Arrived, Look, Make, Move, Rest, Seen, Wait, next_move, stages
from kubectl_canary.release.changes import Alteration
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import live_step

ROUTE, STABLE, CANARY = "HTTPRoute", "Deployment shop-stable", "Deployment shop-canary"
ENOUGH = {"shop-stable": 4, "shop-canary": 4}


def move(here: str, goal: str, said: dict[str, Any] | None = None, **seen: Any) -> Move:
    """The next move from a phase to a goal; `said` is laid over the status of objects, by kind or title."""
    objects = copy.deepcopy(at(here).cluster.objects)
    for value in objects.values():
        for who, status in (said or {}).items():
            if who in (value["kind"], f"{value['kind']} {value['metadata']['name']}"):
                value["status"] = {**value["status"], **status}
    step, _ = live_step(PLAN, GENERATOR, goal, objects)
    return next_move(
        step, PLAN.application, Seen(objects, **{"endpoints": ENOUGH, "settled": 0.0, **seen}), TIMING
    )


def titles(found: Move) -> list[str]:
    return [change.part.title for change in found.changes] if isinstance(found, Make) else []


def completed(when: str) -> dict[str, Any]:
    """A rollout that was complete then."""
    progressing = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    return {"conditions": [{**progressing, "lastUpdateTime": when}]}


UNREADY, UNACCEPTED = {"readyReplicas": 0}, {"parents": []}
ROLLING = {"updatedReplicas": 1, "replicas": 5}


@pytest.mark.parametrize(
    ("here", "goal", "said", "seen", "expected"),
    [
        # up: pods, then the route
        ("5%", "50%", {}, {}, [CANARY]),
        ("50%", "100%", {}, {}, ["HTTPRoute shop-canary-route"]),
        ("50%", "100%", {CANARY: UNREADY}, {}, Wait),
        ("50%", "100%", {CANARY: ROLLING}, {}, Wait),
        ("50%", "100%", {}, {"endpoints": None}, Look),
        ("50%", "100%", {}, {"endpoints": {**ENOUGH, "shop-canary": 3}}, Wait),
        ("deploy", "header-only", {}, {"steady": 3.9}, Rest),
        ("deploy", "header-only", {}, {"steady": 4.0}, ["HTTPRoute shop-canary-route"]),
        ("50%", "100%", {}, {"steady": 0.0}, ["HTTPRoute shop-canary-route"]),
        ("promote-roll", "promote-return", {}, {"steady": 0.0}, Rest),
        ("50%", "rolled-back", {}, {"steady": 0.0}, ["HTTPRoute shop-canary-route"]),
        ("100%", "rolled-back", {}, {"steady": 0.0}, ["HTTPRoute shop-canary-route"]),
        ("100%", "rolled-back", {STABLE: completed("2026-01-01T09:00:00Z")}, {"steady": 0.0}, Rest),
        ("promote-return", "rollback-promotion", {}, {"steady": 0.0}, ["HTTPRoute shop-canary-route"]),
        ("promote-return", "rollback-promotion", {CANARY: completed("2026-01-01T09:00:00Z")}, {"steady": 0.0}, Rest),
        # there: parents, then gateways
        ("100%", "100%", {}, {}, Arrived),
        ("100%", "100%", {}, {"has_moved": True}, Rest),
        ("100%", "100%", {}, {"has_moved": True, "settled": 4.0}, Arrived),
        ("100%", "100%", {ROUTE: UNACCEPTED}, {"has_moved": True, "settled": None}, Wait),
        ("100%", "100%", {ROUTE: UNACCEPTED}, {"settled": None}, Wait),
        ("100%", "100%", {CANARY: UNREADY}, {}, Wait),
        # stable rolls once its requests have ended
        ("100%", "promote-roll", {ROUTE: UNACCEPTED}, {"settled": None}, Wait),
        ("100%", "promote-roll", {}, {"settled": 3.9}, Rest),
        ("100%", "promote-roll", {}, {"settled": 6.9}, Rest),
        ("100%", "promote-roll", {}, {"settled": 7.0}, [STABLE]),
        ("promote-roll", "promote-return", {STABLE: ROLLING}, {}, Wait),
        ("promote-roll", "promote-return", {}, {}, ["HTTPRoute shop-canary-route"]),
        ("promote-return", "promoted", {}, {"settled": 6.9}, Rest),
        ("promote-return", "promoted", {}, {"settled": 7.0}, [CANARY, "Service shop-canary"]),
        # down: the route, then pods
        ("50%", "5%", {}, {}, ["HTTPRoute shop-canary-route"]),
        ("50%", "5%", {STABLE: UNREADY}, {}, Wait),
        ("50%", "5%", {CANARY: UNREADY}, {}, ["HTTPRoute shop-canary-route"]),
        # back: the route at once, but never to nobody
        ("50%", "rolled-back", {CANARY: UNREADY}, {}, ["HTTPRoute shop-canary-route"]),
        ("50%", "rolled-back", {STABLE: {"readyReplicas": 3}}, {}, ["HTTPRoute shop-canary-route"]),
        ("50%", "rolled-back", {STABLE: UNREADY}, {}, Wait),
        ("50%", "rolled-back", {STABLE: ROLLING}, {}, ["HTTPRoute shop-canary-route"]),
        ("100%", "rolled-back", {STABLE: ROLLING}, {}, Wait),
        ("deploy", "rolled-back", {}, {"settled": 6.9}, Rest),
        ("deploy", "rolled-back", {}, {"settled": 7.0}, [CANARY, "Service shop-canary"]),
        ("promote-return", "rollback-promotion", {CANARY: UNREADY}, {}, Wait),
    ],
)  # fmt: skip
def test_the_next_move(here: str, goal: str, said: Any, seen: Any, expected: Any) -> None:
    found = move(here, goal, said, **seen)
    if isinstance(expected, list):
        assert expected == titles(found), found
    else:
        assert isinstance(found, expected), found


def patched(found: Move) -> Alteration:
    """The first object that a move patches."""
    assert isinstance(found, Make)
    change = found.changes[0]
    assert isinstance(change, Alteration)
    return change


def weights(found: Move) -> list[int]:
    """The weights of the governed rule after a move of the route."""
    rule = patched(found).after.value["spec"]["rules"][-1]
    return [ref["weight"] for ref in rule["backendRefs"]]


def test_requests_that_return_leave_the_canary_named_at_first() -> None:
    assert [100, 0] == weights(move("promote-roll", "promote-return"))


@pytest.mark.parametrize(
    ("settled", "expected"), [(None, Wait), (0.0, Rest), (3.9, Rest), (4.0, Make)], ids=str
)
def test_the_canary_is_named_no_more_once_gateways_have_followed(
    settled: float | None, expected: Any
) -> None:
    objects = copy.deepcopy(at("promote-roll").cluster.objects)
    step, _ = live_step(PLAN, GENERATOR, "promote-return", objects)
    half = patched(next_move(step, PLAN.application, Seen(objects, ENOUGH, settled=9.0), TIMING))
    status = {"status": UNACCEPTED} if settled is None else {}
    objects[half.part.key] = {**half.after.value, **status}
    rest, _ = live_step(PLAN, GENERATOR, "promote-return", objects)
    found = next_move(rest, PLAN.application, Seen(objects, ENOUGH, settled=settled), TIMING)
    assert isinstance(found, expected)
    assert settled != 4.0 or [100] == weights(found)


def test_requests_begin_once_the_canary_is_named() -> None:
    """In the middle of a promotion the way back leads all of them to a canary that the route does not name."""
    assert [100, 0] == weights(move("promote-return", "rollback-promotion"))


@pytest.mark.parametrize("phase", ["header-only", "50%", "100%"])
def test_the_first_patch_of_a_way_back_sends_everything_to_stable(phase: str) -> None:
    found = move(phase, "rolled-back")
    assert [100, 0] == weights(found)
    assert 1 == len(patched(found).after.value["spec"]["rules"])


def test_testers_beside_leave_with_the_first_patch_of_a_way_back() -> None:
    crew = at("10%", release="apart")
    step, _ = live_step(crew.plan, Generator(), "rolled-back", crew.cluster.objects)
    found = next_move(step, crew.plan.application, Seen(crew.cluster.objects, settled=0.0), TIMING)
    assert ["HTTPRoute store", "HTTPRoute store-canary"] == titles(found)


def test_where_sessions_stick_one_patch_takes_the_canary_away() -> None:
    objects = copy.deepcopy(at("50%").cluster.objects)
    route = next(value for value in objects.values() if value["kind"] == ROUTE)
    route["spec"]["rules"][-1]["sessionPersistence"] = {"type": "Cookie"}
    step, _ = live_step(PLAN, Generator(validating=False), "rolled-back", objects)
    assert [100] == weights(next_move(step, PLAN.application, Seen(objects, ENOUGH), TIMING))


def test_what_takes_away_is_after_the_route_and_what_makes_before() -> None:
    objects = at("50%").cluster.objects
    down, _ = live_step(PLAN, GENERATOR, "5%", objects)
    up, _ = live_step(PLAN, GENERATOR, "50%", at("5%").cluster.objects)
    assert [0, 1, 1] == [len(changes) for changes in stages(down)]
    assert [1, 1, 0] == [len(changes) for changes in stages(up)]
