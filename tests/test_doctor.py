"""`doctor`: each of many prepared faults is named with its cure, and a healthy release has no finding."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SEED, run_here
from test_plan import GENERATOR

from kubectl_canary.commands import inputs
from kubectl_canary.driving import lease, rights
from kubectl_canary.driving.doctor import MODULES, examine
from kubectl_canary.driving.doctor.facts import Facts, Remark, Unread
from kubectl_canary.records import replace
from kubectl_canary.release.application import OWN_LABEL, OWNER
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering import objects
from kubectl_canary.reports import remarks

PLACE = "production"
CASES = [
    path
    for path in sorted((ROOT / "tests/cases").glob("*/canary.yaml"))
    if inputs.load([str(path)]).plan.application.has_release
]
PLAN = inputs.load([str(SEED)]).plan
GATEWAY_API = "gateway.networking.k8s.io"
Value = dict[str, Any]


def documents(plan: Plan, phase: str) -> dict[Any, Value]:
    rendered = GENERATOR.render(objects.planned(plan.application, plan.find(phase)))
    return {document.part.key: copy.deepcopy(document.value) for document in rendered}


def planned(plan: Plan) -> list[Value]:
    return [value for phase in plan.phases for value in documents(plan, phase.name).values()]


PLANNED = planned(PLAN)


def conditions(**known: str) -> list[Value]:
    return [
        {"type": name, "status": status, "reason": name, "message": "", "observedGeneration": 1}
        for name, status in known.items()
    ]


def open_schema() -> Value:
    return {"properties": {"spec": {"x-kubernetes-preserve-unknown-fields": True}}}


def definition(kind: str, schema: Value | None = None) -> Value:
    marks = {f"{GATEWAY_API}/bundle-version": "v1.7.0", f"{GATEWAY_API}/channel": "standard"}
    version = {"name": "v1", "schema": {"openAPIV3Schema": schema or open_schema()}}
    name = f"{rights.plural(kind)}.{GATEWAY_API}"
    return {"metadata": {"name": name, "annotations": marks}, "spec": {"versions": [version]}}


def pod(side: str) -> Value:
    labels = {"app": "my-app", "version": side}
    return {
        "kind": "Pod",
        "metadata": {"name": f"my-app-{side}-x", "namespace": PLACE, "labels": labels},
        "status": {"containerStatuses": [{"name": "my-app", "state": {"running": {}}}]},
    }


@dataclass
class World:
    """A healthy release at 25 %, as it would be read; a fault changes something of it."""

    objects: dict[Any, Value] = field(default_factory=lambda: documents(PLAN, "25%"))
    client: str = "v1.32.1"
    server: str = "v1.32.0"
    context: str = "staging"
    failure: str = ""
    lease: Value | None = None
    endpoints: dict[str, int] = field(default_factory=lambda: {"my-app-stable": 3, "my-app-canary": 2})
    routes: list[Value] = field(default_factory=list)
    services: list[Value] = field(default_factory=list)
    pods: list[Value] = field(default_factory=lambda: [pod("stable"), pod("canary")])
    marked: list[Value] = field(default_factory=list)
    gateways: list[Value] = field(default_factory=list)
    classes: list[Value] = field(default_factory=list)
    namespaces: list[Value] = field(default_factory=list)
    definitions: dict[str, Value] = field(default_factory=dict)
    rights: dict[rights.Right, bool] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()
    planned: list[Value] = field(default_factory=lambda: PLANNED)

    def __post_init__(self) -> None:
        for value in self.objects.values():
            value["metadata"].setdefault("namespace", PLACE)
            value["metadata"]["generation"] = 1
            value["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
        for side, number in (("stable", 3), ("canary", 2)):
            ready = {
                "observedGeneration": 1,
                "updatedReplicas": number,
                "replicas": number,
                "readyReplicas": number,
            }
            self.find("Deployment", f"my-app-{side}")["status"] = ready
        self.gateway["status"] = {"conditions": conditions(Accepted="True", Programmed="True")}
        self.route["status"] = {"parents": [self.parent(Accepted="True", ResolvedRefs="True")]}
        self.gateways = [self.gateway]
        self.routes = [self.route]
        self.services = [value for value in self.objects.values() if value["kind"] == "Service"]
        self.marked = list(self.objects.values())
        spec = {"controllerName": "istio.io/gateway-controller"}
        accepted = {"conditions": conditions(Accepted="True")}
        self.classes = [{"metadata": {"name": "istio"}, "spec": spec, "status": accepted}]
        self.namespaces = [
            {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": PLACE, "labels": {}}}
        ]
        known = map(definition, ("HTTPRoute", "Gateway"))
        self.definitions = {value["metadata"]["name"]: value for value in known}
        self.rights = dict.fromkeys(rights.to_drive(PLAN, PLACE), True)

    def find(self, kind: str, name: str) -> Value:
        return next(
            value
            for value in self.objects.values()
            if (value["kind"], value["metadata"]["name"]) == (kind, name)
        )

    def drop(self, kind: str, name: str = "") -> None:
        self.objects = {
            key: value
            for key, value in self.objects.items()
            if value["kind"] != kind or name not in ("", value["metadata"]["name"])
        }

    def parent(self, **known: str) -> Value:
        ref = self.route["spec"]["parentRefs"][0]
        return {
            "parentRef": ref,
            "controllerName": "istio.io/gateway-controller",
            "conditions": conditions(**known),
        }

    @property
    def route(self) -> Value:
        return self.find("HTTPRoute", "my-app-canary-route")

    @property
    def gateway(self) -> Value:
        return self.find("Gateway", "production-gw")

    def service(self, side: str) -> Value:
        return self.find("Service", f"my-app-{side}")

    def deployment(self, side: str) -> Value:
        return self.find("Deployment", f"my-app-{side}")

    def note(self, key: str, text: str) -> None:
        self.route["metadata"].setdefault("annotations", {})[key] = text

    def facts(self) -> Facts:
        read = {known.name: getattr(self, known.name) for known in fields(self)}
        return Facts(PLAN, PLACE, **read)


def refused(reason: str, kind: str = "Accepted") -> Callable[[World], None]:
    def change(world: World) -> None:
        known = world.parent(**{"Accepted": "True", "ResolvedRefs": "True", kind: "False"})
        next(item for item in known["conditions"] if item["type"] == kind)["reason"] = reason
        world.route["status"]["parents"] = [known]

    return change


def other_route(created: str, **changes: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        metadata = {"name": "old-route", "namespace": PLACE, "creationTimestamp": created}
        spec = {**copy.deepcopy(world.route["spec"]), **changes}
        world.routes.append({**world.route, "metadata": metadata, "spec": spec})

    return change


def waiting(reason: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.pods[1]["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": reason}}

    return change


def unschedulable(world: World) -> None:
    message = "0/3 nodes are available: 3 Insufficient cpu."
    world.pods[1]["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": message}]


def over_quota(world: World) -> None:
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "message": "exceeded quota: pods, used: 5, limited: 5",
    }
    world.deployment("canary")["status"] |= {"readyReplicas": 0, "conditions": [failure]}


def without_weights(world: World) -> None:
    """A CRD whose backendRefs have no weight."""
    refs = {"items": {"properties": {"name": {}, "port": {}, "group": {}, "kind": {}}}}
    rules = {"items": {"properties": {"backendRefs": refs}, "additionalProperties": {}}}
    rules["items"]["additionalProperties"] = {"x-kubernetes-preserve-unknown-fields": True}
    spec = {
        "properties": {"rules": rules},
        "additionalProperties": {"x-kubernetes-preserve-unknown-fields": True},
    }
    known = definition("HTTPRoute", {"properties": {"spec": spec}})
    world.definitions[known["metadata"]["name"]] = known


def deny(verb: str, resource: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.rights |= {
            right: False for right in world.rights if (right.verb, right.resource) == (verb, resource)
        }

    return change


def listener(**changes: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        for known in world.gateway["spec"]["listeners"]:
            known |= changes

    return change


def set_to(path: str, value: Any) -> Callable[[World], None]:
    """Set an attribute, or a key of it: `service.stable.spec.type`."""

    def change(world: World) -> None:
        first, *keys = path.split(".")
        if not keys:
            setattr(world, first, value)
            return
        holder = getattr(world, first)
        if callable(holder):
            holder = holder(keys.pop(0))
        for key in keys[:-1]:
            holder = holder[int(key) if key.isdigit() else key]
        holder[int(keys[-1]) if keys[-1].isdigit() else keys[-1]] = value

    return change


def call(method: str, *arguments: Any) -> Callable[[World], None]:
    return lambda world: getattr(world, method)(*arguments)


def leftover(name: str, **labels: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        metadata = {"name": name, "namespace": PLACE, "labels": {OWN_LABEL: OWNER, **labels}}
        world.marked.append({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {}})

    return change


def past_the_split(world: World) -> None:
    metadata = {"name": "all-of-it", "namespace": PLACE}
    world.services.append({"kind": "Service", "metadata": metadata, "spec": {"selector": {"app": "my-app"}}})


def rolled_back_with_a_service(world: World) -> None:
    """Before the release, with the canary's Service still there."""
    canary = world.service("canary")
    world.objects = World(objects=documents(PLAN, "25%")).objects
    before = documents(PLAN, "before")
    route = world.route
    route["spec"], annotations = (
        before_route(before)["spec"],
        before_route(before)["metadata"].get("annotations"),
    )
    route["metadata"]["annotations"] = annotations
    world.drop("Deployment", "my-app-canary")
    assert canary


def before_route(known: dict[Any, Value]) -> Value:
    return next(value for value in known.values() if value["kind"] == "HTTPRoute")


ARGO = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:production/my-app-stable"}
FLUX = {"kustomize.toolkit.fluxcd.io/name": "apps"}
DRIVER = "ada@laptop apply process 7 (laptop boot 1)"
FAULTS: dict[str, tuple[Callable[[World], None], str, str]] = {
    "no kubectl": (lambda world: world.__dict__.update(client="", failure="kubectl is not on PATH"), "problem", "not on PATH"),
    "an old kubectl": (set_to("client", "v1.19.3"), "problem", "kubectl is v1.19.3, too old"),
    "an old server": (set_to("server", "v1.20.3"), "problem", "the server is v1.20.3, too old"),
    "skew": (set_to("client", "v1.28.0"), "warning", "kubectl is v1.28.0 and the server v1.32.0"),
    "a wrong context": (set_to("failure", 'context "prod" does not exist'), "problem", 'context "prod" does not exist'),
    "no server": (set_to("failure", "connection refused"), "problem", "the cluster does not answer: connection refused"),
    "no Gateway API": (set_to("definitions", {}), "problem", "does not know HTTPRoutes"),
    "a field that is dropped": (without_weights, "problem", "would drop `spec.rules.backendRefs.weight`"),
    "no right to patch": (deny("patch", "httproutes"), "problem", "in production you may not patch httproutes.gateway.networking.k8s.io/my-app-canary-route"),
    "no right to a Lease": (deny("create", "leases"), "problem", "in production you may not create leases.coordination.k8s.io"),
    "no Gateway": (set_to("gateways", []), "problem", "the route is not accepted: there is no Gateway production-gw in production"),
    "no class": (set_to("classes", []), "problem", "is of the class istio, which is not there"),
    "a class without a controller": (set_to("classes.0.status", {}), "problem", "no controller has accepted the GatewayClass istio"),
    "a Gateway without an address": (set_to("gateway.status.conditions", conditions(Accepted="True", Programmed="False")), "problem", "Gateway production-gw is not programmed"),
    "a broken listener": (set_to("gateway.status.listeners", [{"name": "https", "conditions": conditions(ResolvedRefs="False")}]), "problem", "listener https of Gateway production-gw: ResolvedRefs is False"),
    "another hostname": (listener(hostname="*.example.org"), "problem", "no listener serves `app.example.com`"),
    "another listener": (set_to("route.spec.parentRefs.0.sectionName", "other"), "problem", "the route is not accepted"),
    "no routes allowed": (listener(allowedRoutes={"namespaces": {"from": "None"}}), "problem", "takes no routes"),
    "another namespace's label": (listener(allowedRoutes={"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "shop"}}}}), "problem", "labels that production does not have"),
    "only GRPC": (listener(allowedRoutes={"kinds": [{"kind": "GRPCRoute"}]}), "problem", "takes GRPCRoute only"),
    "NoMatchingListenerHostname": (refused("NoMatchingListenerHostname"), "problem", "the route is not accepted: HTTPRoute my-app-canary-route"),
    "NotAllowedByListeners": (refused("NotAllowedByListeners"), "problem", "NotAllowedByListeners"),
    "NoMatchingParent": (refused("NoMatchingParent"), "problem", "NoMatchingParent"),
    "BackendNotFound": (refused("BackendNotFound", "ResolvedRefs"), "problem", "ResolvedRefs is BackendNotFound"),
    "RefNotPermitted": (refused("RefNotPermitted", "ResolvedRefs"), "problem", "RefNotPermitted"),
    "nobody has answered": (set_to("route.status.parents", []), "problem", "has not seen it"),
    "no stable": (call("drop", "Deployment", "my-app-stable"), "problem", "there is no Deployment my-app-stable"),
    "no route": (call("drop", "HTTPRoute"), "problem", "there is no HTTPRoute my-app-canary-route"),
    "another image": (set_to("deployment.stable.spec.template.spec.containers.0.image", "registry.example.com/my-app:v0"), "problem", "stable runs neither"),
    "too few pods": (set_to("deployment.canary.status.readyReplicas", 1), "problem", "Deployment my-app-canary has 1 of 2 pods ready"),
    "no endpoints": (set_to("endpoints", {"my-app-stable": 3}), "problem", "Service my-app-canary has 0 of 2 ready endpoints"),
    "quota": (over_quota, "problem", "exceeded quota"),
    "no image": (waiting("ImagePullBackOff"), "problem", "ImagePullBackOff"),
    "a crash": (waiting("CrashLoopBackOff"), "problem", "CrashLoopBackOff"),
    "no place": (unschedulable, "problem", "Insufficient cpu"),
    "stable's Service catches both": (set_to("service.stable.spec.selector", {"app": "my-app"}), "problem", "the canary gets more than expected: Service my-app-stable selects canary pods too (app: my-app)"),
    "the canary's Service catches both": (set_to("service.canary.spec.selector", {"app": "my-app"}), "problem", "the canary gets less than expected"),
    "a selector that misses": (set_to("service.canary.spec.selector", {"app": "myapp"}), "problem", "catches no pod of canary"),
    "no selector": (set_to("service.canary.spec.selector", {}), "warning", "has no selector"),
    "another Service beside the split": (past_the_split, "warning", "Service all-of-it selects stable and canary pods (app: my-app): its requests bypass the split"),
    "another port": (set_to("service.canary.spec.ports.0.port", 81), "problem", "Service my-app-canary has no port 80"),
    "a target port of no container": (set_to("service.canary.spec.ports.0.targetPort", "web"), "problem", "the port `web`, which no container"),
    "headless": (set_to("service.canary.spec.clusterIP", "None"), "warning", "Service my-app-canary is headless"),
    "a name for a Service": (set_to("service.canary.spec.type", "ExternalName"), "problem", "of type ExternalName"),
    "clients that stay": (set_to("service.stable.spec.sessionAffinity", "ClientIP"), "warning", "the canary gets more than expected, or less: Service my-app-stable has sessionAffinity"),
    "sessions that stay": (set_to("route.spec.rules.0.sessionPersistence", {"type": "Cookie"}), "warning", "the canary gets more than expected, or less: a rule of HTTPRoute"),
    "an older route": (other_route("2025-01-01T00:00:00Z"), "problem", "traffic is not split: HTTPRoute old-route in production and HTTPRoute my-app-canary-route compete"),
    "a younger route": (other_route("2027-01-01T00:00:00Z"), "warning", "the second is older"),
    "an implementation that claims less": (set_to("gateway.spec.gatewayClassName", "contour"), "warning", "not claimed by contour"),
    "Argo CD": (set_to("deployment.stable.metadata.annotations", ARGO), "warning", "Argo CD (application shop) reconciles Deployment my-app-stable"),
    "Flux": (set_to("route.metadata.labels", FLUX), "warning", "Flux (kustomization apps) reconciles HTTPRoute"),
    "a note without a Lease": (call("note", lease.annotation("my-app"), DRIVER), "warning", "nobody holds the Lease"),
    "a hold": (call("note", lease.HOLD, "freeze until Monday"), "warning", "is held, and no driver goes on: freeze until Monday"),
    "a Service of an earlier release": (leftover("my-app-canary-2", app="my-app"), "warning", "Service my-app-canary-2 is a leftover"),
    "the canary's Service after it": (rolled_back_with_a_service, "warning", "Service my-app-canary is a leftover, which the present phase does not have"),
    "unread pods": (set_to("unread", (Unread("pods", "pods is forbidden"),)), "warning", "the pods could not be read: pods is forbidden"),
}  # fmt: skip


def said(world: World) -> list[Remark]:
    return examine(world.facts())


def test_a_healthy_release_has_no_finding() -> None:
    found = said(World())
    assert [remark.text for remark in found if remark.severity != "ok"] == []
    assert "the release is at 25%" in [remark.text for remark in found]
    assert remarks.as_text(found).splitlines()[-1] == "no problem"


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_cure(name: str) -> None:
    change, severity, words = FAULTS[name]
    world = World()
    change(world)
    naming = [remark for remark in said(world) if words in remark.text]
    assert naming, "\n".join(f"{remark.severity} {remark.text}" for remark in said(world))
    assert {remark.severity for remark in naming} == {severity}
    assert all(remark.cure for remark in naming)


def test_nothing_there_yet_is_no_problem() -> None:
    world = World()
    world.objects, world.endpoints, world.pods, world.gateways = {}, {}, [], []
    world.routes, world.services, world.marked = [], [], []
    found = said(world)
    assert [remark.text for remark in found if remark.severity != "ok"] == []
    assert "nothing of the release is in the cluster yet" in [remark.text for remark in found]


@pytest.mark.parametrize(
    "change",
    [
        other_route("2025-01-01T00:00:00Z", hostnames=["other.example.com"]),
        other_route("2025-01-01T00:00:00Z", parentRefs=[{"name": "another-gw"}]),
        other_route("2025-01-01T00:00:00Z", rules=[{"matches": [{"path": {"value": "/api"}}]}]),
        leftover("theirs-canary", app="theirs"),
        set_to("deployment.stable.metadata.annotations", {"meta.helm.sh/release-name": "shop"}),
        set_to("gateway.spec.gatewayClassName", "istio-internal"),
    ],
)
def test_what_is_of_others_is_no_finding(change: Callable[[World], None]) -> None:
    world = World()
    change(world)
    world.classes.append({**world.classes[0], "metadata": {"name": "istio-internal"}})
    assert [remark.text for remark in said(world) if remark.severity != "ok"] == []


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.parent.name)
def test_nothing_there_yet_is_no_problem_of_any_release(case: Path) -> None:
    plan = inputs.load([str(case)]).plan
    facts = Facts(plan, plan.application.namespace or "default", planned(plan), "v1.32.1", "v1.32.1")
    facts = replace(facts, unread=(Unread("gateways", "not asked"), Unread("definitions", "not asked")))
    found = [remark.text for remark in examine(facts) if remark.severity != "ok"]
    assert [text for text in found if "not asked" not in text] == []


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.parent.name)
def test_every_release_is_looked_through_in_every_phase(case: Path) -> None:
    plan = inputs.load([str(case)]).plan
    for phase in plan.phases:
        live = documents(plan, phase.name)
        facts = Facts(plan, plan.application.namespace or "default", [], "v1.32.1", "v1.32.1", objects=live)
        found = [remark.text for remark in examine(facts)]
        assert not [text for text in found if "a leftover" in text], phase.name
        assert any(text.startswith(f"the release is at {phase.name}") for text in found), (phase.name, found)


@pytest.mark.parametrize("what", ["objects", "gateways", "routes", "services", "definitions", "rights"])
def test_what_could_not_be_read_is_said_and_nothing_made_of_it(what: str) -> None:
    """An empty answer and no answer are not the same."""
    world = World()
    empty: dict[str, Any] = {"objects": {}, "definitions": {}, "rights": {}}
    setattr(world, what, empty.get(what, []))
    world.unread = (Unread(what, "forbidden"),)
    found = [remark for remark in said(world) if remark.severity != "ok"]
    assert [remark.severity for remark in found] == ["warning"]
    assert "could not be read: forbidden" in found[0].text
    assert "nothing of the release is in the cluster yet" not in [remark.text for remark in said(world)]


def test_a_cluster_that_does_not_answer_is_one_problem() -> None:
    found = examine(Facts(PLAN, PLACE, PLANNED, client="v1.32.1", failure="i/o timeout"))
    assert [remark.severity for remark in found] == ["ok", "problem"]


def test_every_check_is_a_file_of_its_own() -> None:
    folder = ROOT / "kubectl_canary/driving/doctor"
    assert {*MODULES} == {path.stem for path in folder.glob("*.py")} - {"__init__", "facts"}


def test_the_text_is_aligned_and_counted() -> None:
    text = remarks.as_text(
        [Remark("ok", "good"), Remark("problem", "bad", "do it"), Remark("warning", "odd", "see")]
    )
    assert text.splitlines() == [
        "ok       good", "problem  bad", "         do it", "warning  odd", "         see", "1 problem, 1 warning",
    ]  # fmt: skip


def test_without_kubectl_the_verb_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECTL_PATH", "/nowhere/kubectl")
    answer = run_here("doctor", "-f", SEED)
    assert answer.code == 1
    assert "problem  /nowhere/kubectl is not on PATH" in answer.out
    assert answer.out.splitlines()[-1] == "1 problem"
