"""What a patch refuses on a route that others have changed: our engine, RFC 6902 by others and the API server agree."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import races
from conftest import Cluster
from test_apiserver import RELEASE
from test_patches import apply
from test_plan import GENERATOR, documents

from kubectl_canary.commands import inputs
from kubectl_canary.release import patches
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.rendering.steps import step

ROUTE = "HTTPRoute my-app-canary-route"
Document = dict[str, Any]
THIRD = {"group": "", "kind": "Service", "name": "legacy", "port": 80, "weight": 1}
THEIRS = {
    "name": "theirs",
    "matches": [{"path": {"type": "PathPrefix", "value": "/theirs"}}],
    "backendRefs": [THIRD],
}
HEADERS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}}
PHASE = "kubectl-canary/phase.my-app"


def governed(route: Document) -> Document:
    found: Document = next(rule for rule in route["spec"]["rules"] if rule["name"] == "default")
    return found


def refs(route: Document) -> list[Document]:
    found: list[Document] = governed(route)["backendRefs"]
    return found


def rules(route: Document) -> list[Document]:
    found: list[Document] = route["spec"]["rules"]
    return found


def annotations(route: Document) -> dict[str, str]:
    found: dict[str, str] = route["metadata"]["annotations"]
    return found


# a change, and whether the patch forward and the way back must be refused
CHANGES: list[tuple[str, Callable[[Document], Any], bool, bool]] = [
    ("nothing", lambda route: None, False, False),
    ("the port of a backend", lambda route: refs(route)[0].update(port=81), True, False),
    ("the namespace of a backend", lambda route: refs(route)[1].update(namespace="other"), True, False),
    ("a third backend behind", lambda route: refs(route).append(THIRD), True, False),
    ("a third backend in front", lambda route: refs(route).insert(0, THIRD), True, True),
    ("a third backend between", lambda route: refs(route).insert(1, THIRD), True, True),
    ("stable's weight", lambda route: refs(route)[0].update(weight=40), True, False),
    ("the canary's weight", lambda route: refs(route)[1].update(weight=40), True, False),
    ("the canary is no backend", lambda route: refs(route).pop(), True, True),
    ("the backends in another order", lambda route: refs(route).reverse(), True, True),
    ("the governed rule has another name", lambda route: governed(route).update(name="other"), True, True),
    ("its matches", lambda route: governed(route)["matches"].pop(), True, False),
    ("a header in a match", lambda route: governed(route)["matches"][0].update(headers=[{"name": "a", "value": "b", "type": "Exact"}]), True, False),
    ("a filter of the rule", lambda route: governed(route).update(filters=[HEADERS]), True, False),
    ("a filter of a backend", lambda route: refs(route)[0].update(filters=[HEADERS]), True, False),
    ("other hostnames", lambda route: route["spec"].update(hostnames=["b.example.com"]), True, False),
    ("one more hostname", lambda route: route["spec"]["hostnames"].append("b.example.com"), True, False),
    ("no hostnames", lambda route: route["spec"].pop("hostnames"), True, False),
    ("no testers' rule", lambda route: rules(route).pop(0), True, True),
    ("the testers' rule has another name", lambda route: rules(route)[0].update(name="other"), False, True),
    ("no governed rule", lambda route: rules(route).pop(), True, True),
    ("the rules in another order", lambda route: rules(route).reverse(), True, True),
    ("a rule in front", lambda route: rules(route).insert(0, THEIRS), True, True),
    ("a rule between", lambda route: rules(route).insert(1, THEIRS), True, True),
    ("a rule behind", lambda route: rules(route).append(THEIRS), False, False),
    ("other timeouts", lambda route: governed(route).update(timeouts={"request": "3s"}), False, False),
    ("no timeouts", lambda route: governed(route).pop("timeouts"), False, False),
    ("another phase", lambda route: annotations(route).update({PHASE: "7%"}), False, False),  # ours alone: kubectl apply may have left it

    ("no phase", lambda route: annotations(route).pop(PHASE), False, False),
    ("an annotation of others", lambda route: annotations(route).update({"example.com/a": "b"}), False, False),
    ("a label", lambda route: route["metadata"].update(labels={"a": "b"}), False, False),
    # RFC 6902, 4.1: what an `add` adds to must be there
    ("no annotations at all", lambda route: route["metadata"].pop("annotations"), True, True),
]  # fmt: skip


def plan_of(folder: Path, text: str = RELEASE, namespace: str = "shop") -> Plan:
    (folder / "canary.yaml").write_text(text)
    return inputs.load([str(folder / "canary.yaml")], namespace=namespace).plan


def way(made: Plan, start: Phase, to: Phase) -> tuple[Document, list[patches.Op]]:
    """The route in a phase, and the operations that lead to another."""
    changes = step(made, GENERATOR, start, to).changes
    route = next(change for change in changes if change.part.is_route)
    return documents(made, start)[ROUTE], route.patch("json")


def changed(route: Document, change: Callable[[Document], Any]) -> Document:
    made = copy.deepcopy(route)
    change(made)
    return made


def refused_by_the_engine(route: Document, operations: list[patches.Op]) -> bool:
    return bool(patches.failed_tests(route, operations))


def refused_by_a_library(route: Document, operations: list[patches.Op]) -> bool:
    try:
        apply(route, operations)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException):
        return True
    return False


def refused_by_the_server(server: races.Server, route: Document, operations: list[patches.Op]) -> bool:
    status, answer = server.put(route)
    assert status == 200, answer
    status, answer = server.patch(operations)
    assert status in (200, 422), answer
    if status == 200:
        assert patches.applied(route, operations)["spec"] == answer["spec"]
    return bool(status == 422)


def test_a_patch_forward_and_a_way_back_refuse_this_and_nothing_else(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    made = plan_of(tmp_path, namespace=namespace)
    server = races.Server(cluster.kubeconfig, namespace)
    ways = (
        way(made, made.find("5%"), made.find("25%")),
        way(made, made.find("25%"), made.find("rollback from 25%")),
    )
    assert server.call("POST", ways[0][0], name="")[0] == 201
    wrong = []
    for what, change, *wanted in CHANGES:
        for (route, operations), is_refused in zip(ways, wanted, strict=True):
            now = changed(route, change)
            found = (
                refused_by_the_engine(now, operations),
                refused_by_a_library(now, operations),
                refused_by_the_server(server, now, operations),
            )
            if set(found) != {is_refused}:
                wrong.append((what, "forward" if route is ways[0][0] else "back", found))
    assert [] == wrong


@pytest.mark.parametrize(
    ("phases", "start", "to", "is_refused"),
    [
        ("[header-only, 25%]", "deploy", "header-only", True),
        ("[25%, 50%]", "deploy", "25%", True),
        ("[25%, 50%]", "25%", "50%", False),
        ("[mirror 20%, 25%]", "deploy", "mirror 20%", True),
    ],
)  # fmt: skip
def test_changed_timeouts_are_refused_where_a_clone_takes_them_along(
    tmp_path: Path, phases: str, start: str, to: str, is_refused: bool
) -> None:
    text = "\n".join(
        f"  phases: {phases}" if line.startswith("  phases:") else line for line in RELEASE.splitlines()
    )
    made = plan_of(tmp_path, text)
    route, operations = way(made, made.find(start), made.find(to))
    assert not refused_by_the_engine(route, operations)
    for key, value in (
        ("timeouts", {"request": "3s"}),
        ("retry", {"attempts": 2}),
        ("sessionPersistence", {}),
    ):
        now = copy.deepcopy(route)
        governed(now)[key] = value
        assert is_refused is refused_by_the_engine(now, operations)
        assert is_refused is refused_by_a_library(now, operations)


@pytest.mark.parametrize(
    ("kind", "there", "missing"),
    [
        ("httproute", "/spec/hostnames", "/spec/rules/0/filters"),
        ("httproute", "/spec/rules/0/timeouts", "/spec/rules/0/retry"),
        ("httproute", "/spec/rules/0/backendRefs/0/weight", "/spec/rules/0/backendRefs/0/filters"),
        ("httproute", "/metadata/annotations", "/metadata/finalizers"),
        ("configmap", "/data", "/binaryData"),
        ("configmap", "/data/a", "/data/b"),
        ("configmap", "/data/empty", "/immutable"),
    ],
)
def test_a_test_for_null_passes_where_nothing_is_and_is_refused_where_something_is(
    cluster: Cluster, namespace: str, tmp_path: Path, kind: str, there: str, missing: str
) -> None:
    """Kubernetes does so, RFC 6902 does not say it; guards for absence stand on it."""
    made = plan_of(tmp_path, namespace=namespace)
    objects: dict[str, Document] = {
        "httproute": documents(made, made.find("before"))[ROUTE],
        "configmap": {
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": namespace}, "data": {"a": "b", "empty": ""},
        },
    }  # fmt: skip
    one = objects[kind]
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(one))
    for path, passes in ((missing, True), (there, False)):
        operations = [{"op": "test", "path": path, "value": None}]
        place = [kind, one["metadata"]["name"], "-n", namespace, "--type=json", "-p", json.dumps(operations)]
        assert passes is (0 == cluster.kubectl("patch", *place, check=False).returncode), path
        assert passes is (not refused_by_the_engine(one, operations)), path
