"""What controllers say of objects: rollouts, endpoints, parents, pods."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_canary.driving import cures, moves, statuses
from kubectl_canary.driving.statuses import Acceptance, Condition, ParentStatus

ACCEPTED, UNOBSERVED, PENDING, REFUSED = Acceptance
GATEWAY = {"name": "gw"}
DONE = "NewReplicaSetAvailable"


def condition(kind: str, status: str = "True", **more: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, **more}


def deployment(replicas: int | None = 3, generation: int = 2, **status: Any) -> dict[str, Any]:
    """A Deployment whose pods are all there, but for what is said otherwise."""
    counts = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3}
    spec = {} if replicas is None else {"replicas": replicas}
    made = {**counts, "conditions": [condition("Progressing", reason=DONE)], **status}
    return {"metadata": {"generation": generation}, "spec": spec, "status": made}


@pytest.mark.parametrize(
    ("value", "counts", "is_complete"),
    [
        (deployment(), (3, 3, 3), True),
        (deployment(generation=3), (3, 3, 3), False),
        (deployment(observedGeneration=0), (3, 3, 3), False),
        (deployment(replicas=5), (5, 3, 3), False),
        (deployment(replicas=2), (2, 3, 3), True),
        (deployment(replicas=None), (1, 3, 3), True),
        (deployment(replicas=0), (0, 3, 3), True),
        (deployment(updatedReplicas=2), (3, 2, 3), False),
        (deployment(readyReplicas=1), (3, 3, 1), True),
        (deployment(conditions=[]), (3, 3, 3), True),
        (deployment(conditions=None), (3, 3, 3), True),
        (deployment(conditions=[condition("Progressing", reason="ReplicaSetUpdated")]), (3, 3, 3), False),
        ({"metadata": {}, "spec": {"replicas": 1}}, (1, 0, 0), False),
        ({"metadata": {}, "spec": {"replicas": 0}, "status": None}, (0, 0, 0), True),
    ],
)
def test_a_rollout_is_as_kubectl_says(value: Any, counts: tuple[int, int, int], is_complete: bool) -> None:
    found = statuses.rollout(value)
    assert (counts, is_complete) == ((found.wanted, found.updated, found.ready), found.is_complete)


def test_pods_of_an_older_template_are_not_done() -> None:
    value = deployment()
    value["status"]["replicas"] = 4
    assert not statuses.rollout(value).is_complete


def test_a_deployment_that_is_paused_is_complete_by_its_counts() -> None:
    """It says so in the condition of its progress, and nothing of its pods."""
    paused = [condition("Progressing", "Unknown", reason="DeploymentPaused")]
    assert statuses.rollout(deployment(conditions=paused)).is_complete
    assert not statuses.rollout(deployment(conditions=paused, updatedReplicas=0)).is_complete


@pytest.mark.parametrize(
    ("conditions", "trouble"),
    [
        ([], ""),
        ([condition("Progressing", reason=DONE)], ""),
        ([condition("Progressing", "False", message="exceeded its progress deadline")], "exceeded its progress deadline"),
        ([condition("ReplicaFailure", message="exceeded quota")], "exceeded quota"),
        ([condition("ReplicaFailure")], "pods cannot be made"),
        ([condition("ReplicaFailure", "False", message="exceeded quota")], ""),
        ([condition("Progressing", "False", message="late"), condition("ReplicaFailure", message="quota")], "quota"),
    ],
)  # fmt: skip
def test_what_keeps_a_deployment_from_its_pods(conditions: Any, trouble: str) -> None:
    assert trouble == statuses.rollout(deployment(conditions=conditions)).trouble


# --- endpoints ------------------------------------------------------------


def piece(*endpoints: dict[str, Any] | None, service: str = "shop") -> dict[str, Any]:
    return {
        "metadata": {"labels": {"kubernetes.io/service-name": service}},
        "endpoints": list(endpoints) or None,
    }


def endpoint(address: str, pod: str = "", **conditions: bool | None) -> dict[str, Any]:
    target = {"targetRef": {"kind": "Pod", "name": pod, "uid": f"uid of {pod}"}} if pod else {}
    return {"addresses": [address], **target, "conditions": conditions}


@pytest.mark.parametrize(
    ("slices", "counts"),
    [
        ([], {}),
        ([piece()], {"shop": 0}),
        ([piece(endpoint("1", "a", ready=True), endpoint("2", "b", ready=False))], {"shop": 1}),
        ([piece({"addresses": ["1"]}), piece({"addresses": ["2"], "conditions": None})], {"shop": 2}),
        ([piece(endpoint("1", "a", ready=None))], {"shop": 1}),
        ([piece(endpoint("1", "a", ready=False, serving=True, terminating=True))], {"shop": 0}),
        ([piece(endpoint("1", "a"), endpoint("2", "b")), piece(endpoint("::1", "a"), endpoint("::2", "b"))], {"shop": 2}),
        ([piece(endpoint("1"), endpoint("2")), piece(endpoint("1"))], {"shop": 2}),
        ([piece(endpoint("1", "a")), piece(endpoint("2", "b"), service="other")], {"shop": 1, "other": 1}),
        ([{"metadata": {}, "endpoints": [endpoint("1", "a")]}], {"": 1}),
    ],
)  # fmt: skip
def test_ready_endpoints_are_counted_once(slices: Any, counts: dict[str, int]) -> None:
    assert counts == statuses.ready_endpoints(slices)


# --- parents ------------------------------------------------------------


def answer(
    *conditions: dict[str, Any], ref: dict[str, Any] | None = None, by: str = "example.com/gw"
) -> dict[str, Any]:
    return {"parentRef": ref or GATEWAY, "controllerName": by, "conditions": list(conditions)}


def of(generation: int | None, *, accepted: str = "True", resolved: str = "True") -> list[dict[str, Any]]:
    observed = {} if generation is None else {"observedGeneration": generation}
    return [condition("Accepted", accepted, **observed), condition("ResolvedRefs", resolved, **observed)]


def route(*answers: dict[str, Any], refs: Any = (GATEWAY,)) -> dict[str, Any]:
    return {
        "metadata": {"name": "shop", "namespace": "web", "generation": 7},
        "spec": {"parentRefs": list(refs)},
        "status": {"parents": list(answers)},
    }


def partly(status: str, generation: int) -> dict[str, Any]:
    return condition("PartiallyInvalid", status, observedGeneration=generation)


@pytest.mark.parametrize(
    ("answers", "acceptance"),
    [
        ([], PENDING),
        ([answer()], PENDING),
        ([answer(*of(7))], ACCEPTED),
        ([answer(*of(8))], ACCEPTED),
        ([answer(*of(6))], PENDING),
        ([answer(*of(0))], UNOBSERVED),
        ([answer(*of(None))], UNOBSERVED),
        ([answer(*of(7)[:1])], PENDING),
        ([answer(*of(7)[1:])], PENDING),
        ([answer(of(7)[0], of(6)[1])], PENDING),
        ([answer(of(7)[0], of(None)[1])], PENDING),
        ([answer(*of(7, accepted="False"))], REFUSED),
        ([answer(*of(7, resolved="False"))], REFUSED),
        ([answer(*of(6, accepted="False"))], PENDING),
        ([answer(*of(None, accepted="False"))], REFUSED),
        ([answer(*of(7, accepted="Unknown"))], PENDING),
        ([answer(*of(7), partly("True", 7))], REFUSED),
        ([answer(*of(7), partly("False", 7))], ACCEPTED),
        ([answer(*of(7), partly("True", 6))], PENDING),
        ([answer(*of(7, accepted="False"), by="a"), answer(*of(7), by="b")], ACCEPTED),
        ([answer(*of(7), by="b"), answer(*of(6), by="a")], ACCEPTED),
        ([answer(*of(7, accepted="False"), by="a"), answer(*of(6), by="b")], PENDING),
        ([answer(*of(7), ref={"name": "other"})], PENDING),
        ([answer(*of(7), ref={**GATEWAY, "sectionName": "https"})], PENDING),
        ([answer(*of(7), ref={**GATEWAY, "port": 443})], PENDING),
        ([answer(*of(7), ref={**GATEWAY, "namespace": "infra"})], PENDING),
        ([answer(*of(7), ref={**GATEWAY, "namespace": "web", "kind": "Gateway", "group": "gateway.networking.k8s.io"})], ACCEPTED),
        ([answer(*of(7), ref={**GATEWAY, "kind": "Service", "group": ""})], PENDING),
        ([answer(*of(7), ref={**GATEWAY, "group": ""})], PENDING),
    ],
)  # fmt: skip
def test_a_parent_is_asked_about_the_newest_generation(answers: Any, acceptance: Acceptance) -> None:
    (found,) = statuses.parents(route(*answers))
    assert acceptance is found.acceptance


def test_a_route_without_status_waits_for_every_parent() -> None:
    assert [("gw", "", PENDING)] == [
        (known.parent, known.controller, known.acceptance)
        for known in statuses.parents({"metadata": {}, "spec": {"parentRefs": [GATEWAY]}})
    ]
    assert [] == statuses.parents({"metadata": {}, "spec": {"parentRefs": None}})


def test_listeners_of_one_gateway_answer_each_for_itself() -> None:
    refs = [{**GATEWAY, "sectionName": name} for name in ("http", "https")]
    found = statuses.parents(
        route(answer(*of(7), ref=refs[1]), answer(*of(7, accepted="False"), ref=refs[0]), refs=refs)
    )
    assert [("gw, listener http", REFUSED), ("gw, listener https", ACCEPTED)] == [
        (known.parent, known.acceptance) for known in found
    ]


def test_a_service_of_a_mesh_is_a_parent() -> None:
    mesh = {"group": "", "kind": "Service", "name": "shop", "namespace": "web", "port": 80}
    (found,) = statuses.parents(route(answer(*of(7), ref=mesh), refs=[mesh]))
    assert ("shop in web", ACCEPTED) == (found.parent, found.acceptance)


def test_what_speaks_against_a_route_is_kept_in_its_words() -> None:
    told = {"reason": "RefNotPermitted", "message": "no grant"}
    conditions = [condition("Accepted"), condition("ResolvedRefs", "False", **told), partly("True", 7)]
    (found,) = statuses.parents(route(answer(*conditions)))
    assert (
        Condition("ResolvedRefs", "RefNotPermitted", "no grant"),
        Condition("PartiallyInvalid", "", ""),
    ) == found.against


@pytest.mark.parametrize(
    ("answers", "text", "cure"),
    [
        ([], "gw has not seen it", "is there a Gateway gw, and does the controller of its class run?"),
        ([answer(*of(6))], "gw (example.com/gw) has not answered", "its controller has not come to this generation yet: is it running?"),
        ([answer(*of(0))], "gw (example.com/gw) accepts it without saying which generation", "this implementation never says which generation: --accept-unobserved believes it"),
        ([answer(*of(7))], "accepted by gw (example.com/gw)", None),
        (
            [answer(condition("Accepted", "False", reason="Odd"), condition("ResolvedRefs", "False", reason="BackendNotFound", message="no Service"))],
            "gw (example.com/gw) says Accepted is Odd, ResolvedRefs is BackendNotFound: no Service",
            "ask its controller's log; a Service that the route sends to is not there: apply it",
        ),
    ],
)  # fmt: skip
def test_a_parent_is_told_in_words_with_a_cure(answers: Any, text: str, cure: str | None) -> None:
    (found,) = statuses.parents(route(*answers))
    assert text == moves.parent_text(found)
    assert cure in (None, "; ".join(cures.cures(found)))


def test_a_cure_is_said_once() -> None:
    twice = (Condition("Accepted", "Odd", "a"), Condition("ResolvedRefs", "Strange", "b"))
    assert [cures.UNKNOWN] == cures.cures(ParentStatus("gw", "c", REFUSED, twice))


# --- pods ------------------------------------------------------------


def pod(*containers: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "shop-1"}, "status": {"containerStatuses": list(containers), **status}}


def container(waiting: Any = None, ended: int | None = None) -> dict[str, Any]:
    last = {} if ended is None else {"lastState": {"terminated": {"exitCode": ended}}}
    return {"name": "app", "state": {"waiting": waiting} if waiting else {"running": {}}, **last}


@pytest.mark.parametrize(
    ("value", "trouble"),
    [
        ({"metadata": {"name": "shop-1"}}, ""),
        (pod(container()), ""),
        (pod(container({"reason": "ContainerCreating"})), ""),
        (pod(container({"reason": "PodInitializing"})), ""),
        (pod(container({"message": "?"})), ""),
        (pod(container(ended=1)), ""),
        (pod(container({"reason": "ImagePullBackOff", "message": "no such tag"})), "pod shop-1: container app is in ImagePullBackOff: no such tag"),
        (pod(container({"reason": "CrashLoopBackOff"}, ended=0)), "pod shop-1: container app is in CrashLoopBackOff (it ended with 0)"),
        (pod(container(), container({"reason": "ErrImagePull"})), "pod shop-1: container app is in ErrImagePull"),
        (pod(container(), initContainerStatuses=[container({"reason": "CrashLoopBackOff"})]), "pod shop-1: container app is in CrashLoopBackOff"),
        (pod(conditions=[condition("PodScheduled", "False", reason="Unschedulable", message="0/3 nodes")]), "pod shop-1 is not scheduled: 0/3 nodes"),
        (pod(conditions=[condition("PodScheduled", "False", reason="SchedulingGated")]), "pod shop-1 is not scheduled: SchedulingGated"),
        (pod(conditions=[condition("PodScheduled"), condition("Ready", "False")]), ""),
    ],
)  # fmt: skip
def test_what_keeps_a_pod_from_being_ready(value: Any, trouble: str) -> None:
    assert trouble == statuses.pod_trouble(value)
