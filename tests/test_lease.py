"""Who drives a release: a Lease, and the note on its routes."""

from __future__ import annotations

import copy
from datetime import datetime, timezone
from typing import Any

import pytest

from kubectl_canary.driving import lease
from kubectl_canary.driving.lease import Driver, Held
from kubectl_canary.release import patches

ANNA = Driver("anna@laptop", "apply", 4711, "1a2b3c4d 4026531836 1234")
BERT = Driver("bert@ci", "rollback", 1, "")
NOW = datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "driver", [ANNA, BERT, Driver("anna b (ops) process 3 (x)@host 1", "promote", 3, "a b c")]
)
def test_an_identity_tells_who_it_is(driver: Driver) -> None:
    assert driver == Driver.of(str(driver))


@pytest.mark.parametrize(
    "identity", ["", "kube-scheduler-7", "anna apply process x (m)", "anna Apply process 1 (m)", f"{ANNA} and more"]
)  # fmt: skip
def test_what_another_program_wrote_is_nobody_that_we_know(identity: str) -> None:
    assert Driver.of(identity) is None
    assert identity == lease.driver_text(identity)


def test_a_driver_is_told_to_people_without_its_machine() -> None:
    assert "apply by anna@laptop (process 4711)" == lease.driver_text(str(ANNA))


def a_lease(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"uid": "u", "resourceVersion": "9"}, "spec": spec}


@pytest.mark.parametrize(
    "value", [None, {"metadata": {}}, a_lease(), a_lease(holderIdentity=""), {"metadata": {}, "spec": None}]
)
def test_a_lease_of_nobody_is_held_by_nobody(value: Any) -> None:
    assert lease.held(value) is None


def test_who_holds_a_lease_is_read_as_it_was_written() -> None:
    times = {"acquireTime": "2026-02-03T04:05:06.000007Z", "renewTime": "2026-02-03T04:05:09.000000Z"}
    found = lease.held(a_lease(holderIdentity=str(ANNA), **times))
    assert Held(str(ANNA), times["acquireTime"], times["renewTime"], "u", "9") == found
    assert "apply by anna@laptop (process 4711) since 2026-02-03T04:05:06.000007Z" == str(found)
    assert "other since " == str(lease.held(a_lease(holderIdentity="other")))


@pytest.mark.parametrize(("namespace", "version"), [("web", ""), (None, "9")])
def test_the_lease_that_is_taken_is_read_back(namespace: str | None, version: str) -> None:
    made = lease.document("shop", namespace, ANNA, NOW, version)
    assert ("coordination.k8s.io/v1", "Lease", "kubectl-canary-shop") == (
        made["apiVersion"], made["kind"], made["metadata"]["name"]
    )  # fmt: skip
    assert namespace == made["metadata"].get("namespace")
    assert version == made["metadata"].get("resourceVersion", "")
    assert ("namespace" in made["metadata"], "resourceVersion" in made["metadata"]) == (
        bool(namespace),
        bool(version),
    )
    assert {"app.kubernetes.io/managed-by": "kubectl-canary"} == made["metadata"]["labels"]
    found = lease.held(made)
    assert found is not None
    assert (str(ANNA), "2026-02-03T04:05:06.000007Z", found.since) == (
        found.identity,
        found.since,
        found.renewed,
    )
    assert 15 == made["spec"]["leaseDurationSeconds"] > 3 * lease.RENEWAL


def test_a_lease_is_renewed_by_whoever_has_it() -> None:
    made = lease.document("shop", "web", ANNA, NOW)
    later = NOW.replace(minute=6)
    assert [] != patches.failed_tests(made, lease.renewal(BERT, later))
    assert [] == patches.failed_tests(made, lease.renewal(ANNA, later))
    renewed = lease.held(patches.applied(made, lease.renewal(ANNA, later)))
    assert renewed is not None
    assert ("2026-02-03T04:05:06.000007Z", "2026-02-03T04:06:06.000007Z") == (renewed.since, renewed.renewed)


# --- the note on the routes ------------------------------------------------------------


def route(driver: Driver | None = None, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    notes = {**(annotations or {}), **({lease.annotation("shop"): str(driver)} if driver else {})}
    return {"metadata": {"name": "shop", **({"annotations": notes} if notes else {})}}


BARE, NOTED, ANNAS, BERTS = route(), route(None, {"a/b~c": "d"}), route(ANNA), route(BERT, {"a": "b"})


@pytest.mark.parametrize("value", [BARE, NOTED, ANNAS, BERTS])
def test_whoever_claims_a_route_is_noted_on_it_beside_what_others_noted(value: dict[str, Any]) -> None:
    for operations in (lease.claim(value, "shop", BERT), lease.noting(value, "shop", BERT)):
        assert [] == patches.failed_tests(value, operations)
        noted = patches.applied(copy.deepcopy(value), operations)
        assert str(BERT) == lease.noted(noted, "shop")
        assert lease.noted(noted, "other") is None
        others = {
            key: note for key, note in noted["metadata"]["annotations"].items() if "/driver." not in key
        }
        before = value["metadata"].get("annotations") or {}
        assert others == {key: note for key, note in before.items() if "/driver." not in key}


@pytest.mark.parametrize(
    ("read", "now", "is_claimed", "is_taken"),
    [
        (BARE, ANNAS, False, False),
        (BARE, NOTED, False, False),
        (NOTED, BARE, False, False),
        (NOTED, ANNAS, False, True),
        (ANNAS, NOTED, False, True),
        (ANNAS, BERTS, False, True),
        (ANNAS, ANNAS, True, True),
    ],
)  # fmt: skip
def test_a_claim_fails_where_somebody_else_was_quicker(
    read: Any, now: Any, is_claimed: bool, is_taken: bool
) -> None:
    """A way back takes the route whoever drives; only where there is no annotation at all it has to look again."""

    def fits(operations: list[patches.Op]) -> bool:
        try:
            return not patches.failed_tests(now, operations)
        except (KeyError, TypeError):
            return False

    assert (is_claimed, is_taken) == (
        fits(lease.claim(read, "shop", BERT)),
        fits(lease.noting(read, "shop", BERT)),
    )


def test_a_driver_who_was_replaced_is_fenced_off() -> None:
    assert [] == patches.failed_tests(ANNAS, [lease.fenced("shop", ANNA)])
    for value in (BERTS, NOTED):
        assert [] != patches.failed_tests(value, [lease.fenced("shop", ANNA)])
        assert [] != patches.failed_tests(value, lease.forgetting("shop", ANNA))


def test_a_driver_who_ends_leaves_what_others_noted() -> None:
    left = patches.applied(copy.deepcopy(BERTS), lease.forgetting("shop", BERT))
    assert {"a": "b"} == left["metadata"]["annotations"]
