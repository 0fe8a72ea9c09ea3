"""What the waits of printed scripts look at: a real kubectl says `yes` to a real API server's object, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Cluster
from controllers import parents, pods

from kubectl_canary.reports import shells

GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}
HERE, THERE = GATEWAY, {**GATEWAY, "namespace": "elsewhere"}
PUBLIC, PRIVATE = {**GATEWAY, "sectionName": "public"}, {**GATEWAY, "sectionName": "private"}
MESH = {"group": "", "kind": "Service", "name": "gw"}


def condition(kind: str, status: str = "True", generation: int | None = 2) -> dict[str, Any]:
    made = {
        "type": kind,
        "status": status,
        "reason": kind,
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    return made if generation is None else {**made, "observedGeneration": generation}


def accepted(parent: dict[str, Any], generation: int | None = 2) -> dict[str, Any]:
    return said(
        parent, condition("Accepted", "True", generation), condition("ResolvedRefs", "True", generation)
    )


def said(
    parent: dict[str, Any], *conditions: dict[str, Any], by: str = "example.com/gateway"
) -> dict[str, Any]:
    return {"parentRef": parent, "controllerName": by, "conditions": list(conditions)}


GOOD = (condition("Accepted"), condition("ResolvedRefs"))
ONE, TWO, SECTIONS, KINDS = [HERE], [HERE, THERE], [PUBLIC, PRIVATE], [HERE, MESH]
# what, the route's parentRefs, the status' parents (None: no status at all), and whether the wait is over
ROUTES: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]] | None, bool]] = [
    ("no status", ONE, None, False),
    ("no parents", ONE, [], False),
    ("the only parent", ONE, [accepted(HERE)], True),
    ("a newer generation", ONE, [accepted(HERE, 3)], True),
    ("a stale generation", ONE, [accepted(HERE, 1)], False),
    ("generation 0", ONE, [accepted(HERE, 0)], False),
    ("no generation", ONE, [accepted(HERE, None)], False),
    ("no conditions that say so", ONE, [said(HERE, condition("Programmed"))], False),
    ("not accepted", ONE, [said(HERE, condition("Accepted", "False"), condition("ResolvedRefs"))], False),
    ("accepted, nobody knows", ONE, [said(HERE, condition("Accepted", "Unknown"), condition("ResolvedRefs"))], False),
    ("references not resolved", ONE, [said(HERE, condition("Accepted"), condition("ResolvedRefs", "False"))], False),
    ("nothing said of references", ONE, [said(HERE, condition("Accepted"))], False),
    ("only references resolved", ONE, [said(HERE, condition("ResolvedRefs"))], False),
    ("half stale", ONE, [said(HERE, condition("Accepted"), condition("ResolvedRefs", generation=1))], False),
    ("partly invalid", ONE, [said(HERE, *GOOD, condition("PartiallyInvalid"))], False),
    ("not partly invalid", ONE, [said(HERE, *GOOD, condition("PartiallyInvalid", "False"))], True),
    ("partly invalid once", ONE, [said(HERE, *GOOD, condition("PartiallyInvalid", generation=1))], True),
    ("another gateway", ONE, [accepted({**HERE, "name": "other"})], False),
    ("a second controller refuses", ONE, [accepted(HERE), said(HERE, condition("Accepted", "False"), by="b.com/b")], True),
    ("one of two parents", TWO, [accepted(HERE)], False),
    ("the other of two parents", TWO, [accepted(THERE)], False),
    ("both namespaces, one left out", TWO, [accepted(HERE), accepted(THERE)], True),
    ("both namespaces, both said", TWO, [accepted({**HERE, "namespace": "OWN"}), accepted(THERE)], True),
    ("one namespace twice", TWO, [accepted({**HERE, "namespace": "OWN"}), accepted(HERE)], False),
    ("the second is stale", TWO, [accepted(HERE), accepted(THERE, 1)], False),
    ("one of two listeners", SECTIONS, [accepted(PUBLIC)], False),
    ("the whole gateway for two listeners", SECTIONS, [accepted(GATEWAY)], False),
    ("two listeners", SECTIONS, [accepted(PRIVATE), accepted(PUBLIC)], True),
    ("a Service is no Gateway", KINDS, [accepted(HERE)], False),
    ("a Gateway is no Service", KINDS, [accepted(MESH)], False),
    ("a Gateway and a Service of one name", KINDS, [accepted(HERE), accepted(MESH)], True),
]  # fmt: skip


def route(name: str, namespace: str, parent_refs: list[dict[str, Any]], path: str) -> dict[str, Any]:
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
        "backendRefs": [{"name": "a", "port": 80}],
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"parentRefs": parent_refs, "rules": [rule]},
    }


def put_status(cluster: Cluster, kind: str, name: str, namespace: str, status: Any) -> None:
    patch = json.dumps({"status": status})
    cluster.kubectl("patch", kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)


def answer(cluster: Cluster, kind: str, name: str, namespace: str, template: str) -> str:
    return cluster.kubectl("get", kind, name, "-n", namespace, "-o", f"go-template={template}").stdout


def test_a_route_is_accepted_where_every_parent_says_so_of_its_newest_generation(
    cluster: Cluster, namespace: str
) -> None:
    wrong = []
    for path in ("/first", "/second"):  # the second makes generation 2
        items = [route(f"r{number}", namespace, refs, path) for number, (_, refs, _, _) in enumerate(ROUTES)]
        cluster.kubectl(
            "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        )
    for number, (what, _, statuses, wanted) in enumerate(ROUTES):
        name = f"r{number}"
        if statuses is not None:
            text = json.dumps({"parents": statuses}).replace('"OWN"', json.dumps(namespace))
            put_status(cluster, "httproute", name, namespace, json.loads(text))
        found = answer(cluster, "httproute", name, namespace, shells.ACCEPTED)
        if found != ("yes" if wanted else ""):
            wrong.append((what, found))
    assert [] == wrong


@pytest.mark.parametrize(
    ("pods_needed", "ready", "wanted"),
    [
        (2, None, False),
        (2, 0, False),
        (2, 1, False),
        (2, 2, True),
        (2, 3, True),
        (10, 9, False),
        (9, 10, True),
    ],
)
def test_pods_are_ready_where_there_are_as_many_as_needed_or_more(
    cluster: Cluster, namespace: str, pods_needed: int, ready: int | None, wanted: bool
) -> None:
    labels = {"matchLabels": {"app": "a"}}
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    deployment: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": namespace},
        "spec": {"replicas": 20, "selector": labels, "template": template},
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(deployment))
    if ready is not None:
        status = {"replicas": 20, "readyReplicas": ready, "observedGeneration": 1}
        put_status(cluster, "deployment", "a", namespace, status)
    template_text = shells.READY.format(pods=pods_needed)
    assert ("yes" if wanted else "") == answer(cluster, "deployment", "a", namespace, template_text)


def test_what_our_controllers_write_ends_both_waits(cluster: Cluster, namespace: str) -> None:
    """So that scripts that run beside them are held to what is written above."""
    made = route("a", namespace, TWO, "/")
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(made))
    status = parents({**made, "metadata": {**made["metadata"], "generation": 1}})
    put_status(cluster, "httproute", "a", namespace, status)
    assert "yes" == answer(cluster, "httproute", "a", namespace, shells.ACCEPTED)
    assert 3 == pods({"spec": {"replicas": 3}, "metadata": {"generation": 1}})["readyReplicas"]
