"""Two sets of manifests that differ: what comes when, what the canary gets of its own, and what is refused or said."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_canary.commands import inputs
from kubectl_canary.errors import Refused
from kubectl_canary.reading.release import Release
from kubectl_canary.release import adoption
from kubectl_canary.release.documents import Document
from kubectl_canary.release.selectors import Tracks, following, of_both, selects
from kubectl_canary.release.wording import changes_text
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import live_step
from kubectl_canary.rendering.steps import applied, step

Object = dict[str, Any]
Change = Callable[[dict[str, Object]], Any]
APP = {"app": "shop"}
CANARY = {"app": "shop-canary"}


def an_object(api_version: str, kind: str, name: str, **fields: Any) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "store"},
        **fields,
    }


def base() -> dict[str, Object]:
    container = {"name": "shop", "image": "registry.example.com/shop:v1", "ports": [{"containerPort": 8080}]}
    pod = {"metadata": {"labels": dict(APP)}, "spec": {"containers": [container]}}
    ref = {"name": "shop", "port": 80}
    return {
        "deployment": an_object(
            "apps/v1",
            "Deployment",
            "shop",
            spec={"replicas": 4, "selector": {"matchLabels": dict(APP)}, "template": pod},
        ),
        "service": an_object(
            "v1", "Service", "shop", spec={"selector": dict(APP), "ports": [{"port": 80, "targetPort": 8080}]}
        ),
        "route": an_object(
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            "shop",
            spec={"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [ref]}]},
        ),
    }


def pod_of(documents: dict[str, Object]) -> Object:
    found: Object = documents["deployment"]["spec"]["template"]["spec"]
    return found


def a_policy(name: str, selector: Object, **spec: Any) -> Object:
    return an_object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        spec={"podSelector": selector, "policyTypes": ["Ingress"], **spec},
    )


def a_scaler(**spec: Any) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    return an_object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "shop",
        spec={"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 9, **spec},
    )


def a_keda_scaler(**spec: Any) -> Object:
    return an_object(
        "keda.sh/v1alpha1", "ScaledObject", "shop", spec={"scaleTargetRef": {"name": "shop"}, **spec}
    )


@pytest.fixture
def release(tmp_path: Path) -> Callable[[Change, Change], Release]:
    """A release from the base with one change to the base, of another image, with another."""

    def made(old: Change, new: Change, **adopt: Any) -> Release:
        for name, change in (("old", old), ("new", new)):
            documents = base()
            if name == "new":
                pod_of(documents)["containers"][0]["image"] = "registry.example.com/shop:v2"
            change(documents)
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "all.yaml").write_text(yaml.safe_dump_all(documents.values()))
        spec = {
            "adopt": {"from": "new/", "stable": "old/", **adopt},
            "phases": ["header-only", "50%", "100%"],
        }
        canary = {
            "apiVersion": "kubectl-canary/v1alpha1",
            "kind": "Canary",
            "metadata": {"name": "shop"},
            "spec": spec,
        }
        (tmp_path / "canary.yaml").write_text(yaml.safe_dump(canary))
        return inputs.load([str(tmp_path / "canary.yaml")])

    return made


def nothing(_: dict[str, Object]) -> None:
    """The base as it is."""


def adding(*documents: Object) -> Change:
    return lambda listed: listed.update({str(number): one for number, one in enumerate(documents)})


def at(release: Release, name: str) -> dict[str, Object]:
    found: list[Document] = adoption.documents(release.plan.application, release.plan.find(name))
    assert len({document.part.key for document in found}) == len(found)
    return {document.part.title: document.value for document in found}


def words(release: Release, name: str) -> str:
    phase = release.plan.find(name)
    return changes_text(release.plan.previous(phase), phase, release.plan.application)


def first_phase_of(release: Release, title: str, value: Any) -> str:
    return next(
        phase.name
        for phase in release.plan.phases
        if at(release, phase.name).get(title, {}).get("spec") == value
    )


# --- moments ----------------------------------------------------------------------


def listens_elsewhere(documents: dict[str, Object]) -> None:
    pod_of(documents)["containers"][0]["ports"][0]["containerPort"] = 9090
    documents["service"]["spec"]["ports"][0]["targetPort"] = 9090


def test_a_service_changes_with_stables_pods_while_nobody_is_sent_there(release: Any) -> None:
    made = release(nothing, listens_elsewhere)
    ports = {
        phase.name: at(made, phase.name)["Service shop"]["spec"]["ports"][0]["targetPort"]
        for phase in (*made.plan.phases, *made.plan.ways_back())
    }
    rolled = ("promote-roll", "promote-return", "promoted")
    assert {name for name, port in ports.items() if port == 9090} == set(rolled)
    assert at(made, "deploy")["Service shop-canary"]["spec"]["ports"][0]["targetPort"] == 9090
    assert "Service shop changes" in words(made, "promote-roll")


def test_what_looks_after_stables_pods_changes_with_them(release: Any) -> None:
    old, new = (
        a_policy("shop", {"matchLabels": APP}, ingress=[{"ports": [{"port": port}]}]) for port in (8080, 9090)
    )
    made = release(adding(old, a_scaler()), adding(new, a_scaler(maxReplicas=20)))
    assert first_phase_of(made, "NetworkPolicy shop", new["spec"]) == "promote-roll"
    assert at(made, "50%")["HorizontalPodAutoscaler shop"]["spec"]["maxReplicas"] == 9
    scaler = at(made, "promote-return")["HorizontalPodAutoscaler shop"]["spec"]
    assert (scaler["maxReplicas"], scaler["behavior"]["scaleDown"]["selectPolicy"]) == (9, "Disabled")
    assert at(made, "promoted")["HorizontalPodAutoscaler shop"]["spec"]["maxReplicas"] == 20
    assert first_phase_of(made, "NetworkPolicy shop-canary", {**new["spec"], "podSelector": {"matchLabels": CANARY}}) == "deploy"  # fmt: skip


@pytest.mark.parametrize("selector", [{"matchLabels": APP}, {}, {"matchExpressions": [{"key": "app", "operator": "Exists"}]}])  # fmt: skip
def test_a_new_policy_on_stables_pods_comes_with_them_and_the_canary_has_a_copy(
    release: Any, selector: Object
) -> None:
    made = release(nothing, adding(a_policy("shop-new", selector)))
    assert (
        first_phase_of(made, "NetworkPolicy shop-new", a_policy("shop-new", selector)["spec"])
        == "promote-roll"
    )
    assert ("NetworkPolicy shop-new-canary" in at(made, "deploy")) is (selector == {"matchLabels": APP})
    assert "+ NetworkPolicy shop-new" in words(made, "promote-roll")


def test_a_scaler_that_only_the_new_set_has_waits_for_promotion(release: Any) -> None:
    made = release(nothing, adding(a_scaler()))
    there = [name for name in made.plan.names() if "HorizontalPodAutoscaler shop" in at(made, name)]
    assert there == ["promoted"]
    assert "HorizontalPodAutoscaler shop-canary" not in at(made, "50%")
    assert at(made, "50%")["Deployment shop-canary"]["spec"]["replicas"] == 4


def test_a_scaler_that_only_the_old_set_has_leaves_the_canary_its_replicas(release: Any) -> None:
    made = release(adding(a_scaler()), nothing)
    assert "HorizontalPodAutoscaler shop-canary" not in at(made, "50%")
    assert at(made, "50%")["Deployment shop-canary"]["spec"]["replicas"] == 3
    assert "- HorizontalPodAutoscaler shop" in words(made, "promoted")


def test_what_only_new_pods_need_comes_with_deploy_and_is_said(release: Any) -> None:
    config = an_object("v1", "ConfigMap", "shop-2", data={"a": "b"})
    made = release(nothing, adding(config))
    assert "ConfigMap shop-2" in at(made, "deploy")
    assert words(made, "deploy") == "+ Deployment, Service shop-canary; + ConfigMap shop-2"


def test_data_and_namespaces_are_never_deleted(release: Any) -> None:
    kept = [
        an_object("v1", "PersistentVolumeClaim", "data", spec={"accessModes": ["ReadWriteMany"]}),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "store"}},
    ]
    made = release(adding(*kept, an_object("v1", "ConfigMap", "old")), nothing)
    said = words(made, "promoted")
    assert "- ConfigMap old; stays, without its manifest: PersistentVolumeClaim data, Namespace store" in said


@pytest.mark.parametrize(
    "guard",
    [
        an_object("gateway.networking.k8s.io/v1", "BackendTLSPolicy", "new", spec={"targetRefs": [{"group": "", "kind": "Service", "name": "shop"}], "validation": {"hostname": "a", "wellKnownCACertificates": "System"}}),
        an_object("security.istio.io/v1", "PeerAuthentication", "new", spec={"mtls": {"mode": "STRICT"}}),
    ],
    ids=["on the Service", "on the namespace"],
)  # fmt: skip
def test_what_guards_stables_requests_comes_with_its_pods(release: Any, guard: Object) -> None:
    made = release(nothing, adding(guard))
    assert first_phase_of(made, f"{guard['kind']} new", guard["spec"]) == "promote-roll"


@pytest.mark.parametrize("kind", ["HTTPRoute", "Ingress"])
def test_a_new_way_in_waits_for_promotion(release: Any, kind: str) -> None:
    spec = {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]}
    ingress = {"defaultBackend": {"service": {"name": "shop", "port": {"number": 80}}}}
    api = ("gateway.networking.k8s.io/v1", spec) if kind == "HTTPRoute" else ("networking.k8s.io/v1", ingress)
    made = release(nothing, adding(an_object(api[0], kind, "new", spec=api[1])))
    assert [name for name in made.plan.names() if f"{kind} new" in at(made, name)] == ["promoted"]


def test_what_is_marked_to_be_kept_stays(release: Any) -> None:
    kept = an_object("v1", "ConfigMap", "kept")
    kept["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    made = release(adding(kept, an_object("v1", "ConfigMap", "gone")), nothing)
    assert words(made, "promoted").endswith("- ConfigMap gone; stays, without its manifest: ConfigMap kept")
    removals = step(
        made.plan, Generator(), made.plan.find("promote-return"), made.plan.find("promoted")
    ).changes
    assert "ConfigMap kept" not in [change.part.title for change in removals]
    assert "ConfigMap gone" in [change.part.title for change in removals]


def test_that_a_scaler_is_held_is_said(release: Any) -> None:
    made = release(adding(a_scaler()), adding(a_scaler()))
    assert "HorizontalPodAutoscaler shop takes no pods away" in words(made, "50%")
    assert "HorizontalPodAutoscaler shop takes pods away again" in words(made, "promoted")


BEHAVIOR = {"scaleUp": {"selectPolicy": "Min"}, "scaleDown": {"stabilizationWindowSeconds": 60}}


@pytest.mark.parametrize(
    ("own", "first"),
    [
        ({}, {"op": "test", "path": "/spec/behavior", "value": None}),
        ({"behavior": BEHAVIOR}, {"op": "add", "path": "/spec/behavior/scaleDown/selectPolicy", "value": "Disabled"}),
        ({"behavior": {"scaleUp": {}}}, {"op": "add", "path": "/spec/behavior/scaleDown", "value": {"selectPolicy": "Disabled"}}),
    ],
)  # fmt: skip
def test_a_scaler_is_held_where_it_says_nothing_of_its_own(release: Any, own: Object, first: Object) -> None:
    made = release(adding(a_scaler(**own)), adding(a_scaler(**own)))
    changes = step(made.plan, Generator(), made.plan.find("header-only"), made.plan.find("50%")).changes
    (change,) = [change for change in changes if change.part.title == "HorizontalPodAutoscaler shop"]
    assert change.patch("json")[0] == first
    assert len(change.patch("json")) == (2 if first["op"] == "test" else 1)


# --- what the canary gets ------------------------------------------------------------


def test_where_stables_pods_are_let_in_the_canarys_are_too(release: Any) -> None:
    peer = {"podSelector": {"matchLabels": APP}}
    database = a_policy(
        "db", {"matchLabels": {"app": "db"}}, ingress=[{"from": [peer], "ports": [{"port": 5432}]}]
    )
    made = release(adding(database), adding(database))
    copied = at(made, "deploy")["NetworkPolicy db-canary"]["spec"]
    assert copied["podSelector"] == {"matchLabels": {"app": "db"}}
    assert copied["ingress"][0]["from"] == [peer, {"podSelector": {"matchLabels": CANARY}}]
    assert at(made, "deploy")["NetworkPolicy db"] == database


def test_pods_that_talk_to_each_other_do_so_across_versions(release: Any) -> None:
    peer = {"podSelector": {"matchLabels": APP}}
    own = a_policy("shop", {"matchLabels": {**APP}}, ingress=[{"from": [peer]}])
    made = release(adding(own), adding(own))
    copied = at(made, "deploy")["NetworkPolicy shop-canary"]["spec"]
    assert selects(copied["podSelector"], APP)
    assert selects(copied["podSelector"], CANARY)
    assert copied["ingress"][0]["from"] == [peer, {"podSelector": {"matchLabels": CANARY}}]


def test_selectors_by_expressions_are_followed(release: Any) -> None:
    selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["shop", "till"]}]}
    budget = an_object(
        "policy/v1", "PodDisruptionBudget", "shop", spec={"minAvailable": 3, "selector": selector}
    )
    made = release(adding(budget), adding(budget))
    copied = at(made, "deploy")["PodDisruptionBudget shop-canary"]["spec"]
    assert copied["selector"]["matchExpressions"][0]["values"] == ["shop-canary"]  # till has its own already
    assert copied["minAvailable"] == 0
    assert at(made, "50%")["PodDisruptionBudget shop-canary"]["spec"]["minAvailable"] == 3


def test_a_policy_on_the_service_has_a_copy_on_the_canarys(release: Any) -> None:
    refs = [{"group": "", "kind": "Service", "name": name} for name in ("shop", "till")]
    tls = an_object(
        "gateway.networking.k8s.io/v1",
        "BackendTLSPolicy",
        "shop",
        spec={"targetRefs": refs, "validation": {"hostname": "shop", "wellKnownCACertificates": "System"}},
    )
    made = release(adding(tls), adding(tls))
    copied = at(made, "deploy")["BackendTLSPolicy shop-canary"]["spec"]
    assert copied["targetRefs"] == [{**refs[0], "name": "shop-canary"}]
    assert copied["validation"] == tls["spec"]["validation"]


def test_a_policy_on_a_rule_has_a_copy_on_its_clones(release: Any) -> None:
    ref = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "shop"}
    login = an_object(
        "gateway.envoyproxy.io/v1alpha1",
        "SecurityPolicy",
        "login",
        spec={"targetRefs": [{**ref, "sectionName": "all"}, {**ref, "sectionName": "other"}], "jwt": {}},
    )

    def guarded(documents: dict[str, Object]) -> None:
        documents["route"]["spec"]["rules"][0]["name"] = "all"
        documents["policy"] = login

    made = release(guarded, guarded)
    for name in ("deploy", "promote-return"):
        assert "SecurityPolicy login-canary" not in at(made, name)
    for name in ("header-only", "50%", "promote-roll"):
        copied = at(made, name)["SecurityPolicy login-canary"]["spec"]
        assert copied == {"targetRefs": [{**ref, "sectionName": "all-canary-testers-shop"}], "jwt": {}}
        clones = [rule["name"] for rule in at(made, name)["HTTPRoute shop"]["spec"]["rules"]]
        assert "all-canary-testers-shop" in clones


def test_keda_holds_stable_and_never_scales_it_to_nothing(release: Any) -> None:
    named = {"horizontalPodAutoscalerConfig": {"name": "shop-hpa"}}
    keda = a_keda_scaler(minReplicaCount=0, idleReplicaCount=0, advanced=named)
    made = release(adding(keda), adding(keda))
    held, copied = (at(made, "50%")[f"ScaledObject {name}"]["spec"] for name in ("shop", "shop-canary"))
    assert held["minReplicaCount"] == 1
    assert "idleReplicaCount" not in {**held, **copied}
    scaling = held["advanced"]["horizontalPodAutoscalerConfig"]
    assert scaling == {"name": "shop-hpa", "behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}
    assert copied["advanced"]["horizontalPodAutoscalerConfig"]["name"] == "shop-hpa-canary"
    assert at(made, "promoted")["ScaledObject shop"] == keda


def test_aliases_of_yaml_are_changed_one_by_one(tmp_path: Path, release: Any) -> None:
    def shared(documents: dict[str, Object]) -> None:
        labels = documents["deployment"]["spec"]["selector"]["matchLabels"]
        documents["deployment"]["metadata"]["labels"] = labels
        documents["deployment"]["spec"]["template"]["metadata"]["labels"] = labels
        sources = [{"configMapRef": {"name": "flags"}}]
        containers = pod_of(documents)["containers"]
        containers[0]["envFrom"] = sources
        pod = pod_of(documents)
        pod |= {"nodeSelector": labels, "initContainers": [{**containers[0], "name": "first"}]}
        documents["flags"] = an_object("v1", "ConfigMap", "flags", data={"a": "b"})

    made = release(shared, shared, perTrack=["flags"])
    assert "*id001" in (tmp_path / "new/all.yaml").read_text()
    canary = at(made, "deploy")["Deployment shop-canary"]
    pod = canary["spec"]["template"]["spec"]
    assert (canary["metadata"]["labels"], pod["nodeSelector"]) == (APP, APP)
    assert canary["spec"]["template"]["metadata"]["labels"] == CANARY
    for containers in (pod["containers"], pod["initContainers"]):
        assert containers[0]["envFrom"] == [{"configMapRef": {"name": "flags-canary"}}]


def test_rules_that_are_one_in_yaml_are_two_to_the_release(release: Any) -> None:
    def twice(documents: dict[str, Object]) -> None:
        rules = documents["route"]["spec"]["rules"]
        rules.append(rules[0])

    made = release(twice, twice, routes=[{"name": "shop", "rules": [0]}])
    rules = at(made, "50%")["HTTPRoute shop"]["spec"]["rules"]
    assert [len(rule["backendRefs"]) for rule in rules] == [1, 2, 1]


# --- in a cluster ------------------------------------------------------------------


def there(release: Release, *names: str) -> dict[Any, Object]:
    """The objects as they are after these phases were applied, one over the other."""
    application, found = release.plan.application, {}
    for name in names:
        for document in adoption.documents(application, release.plan.find(name)):
            found[document.part.key] = copy.deepcopy(applied(document, application).value)
    return found


def labelled(version: str) -> Change:
    return with_value({"helm.sh/chart": version}, "deployment", "metadata", "labels")


def test_live_labels_change_and_what_others_noted_stays(release: Any) -> None:
    made = release(labelled("shop-1"), labelled("shop-2"))
    objects = there(made, "100%")
    for value in objects.values():
        value["metadata"]["annotations"] = {**value["metadata"].get("annotations", {}), "theirs": "x"}
    taken, _ = live_step(made.plan, Generator(), "promote-roll", objects)
    (change,) = [change for change in taken.changes if change.part.title == "Deployment shop"]
    paths = [operation["path"] for operation in change.patch("json")]
    assert "/metadata/labels/helm.sh~1chart" in paths
    assert not any("annotations" in path for path in paths)


def test_guards_know_what_the_server_fills_in(release: Any) -> None:
    old, new = (
        a_policy("shop", {"matchLabels": APP}, ingress=[{"ports": [{"port": port}]}]) for port in (8080, 9090)
    )
    made = release(adding(old), adding(new))
    changes = step(made.plan, Generator(), made.plan.full, made.plan.find("promote-roll")).changes
    (change,) = [change for change in changes if change.part.kind == "NetworkPolicy"]
    tested = [operation["value"] for operation in change.patch("json") if operation["op"] == "test"]
    assert tested == [{"ports": [{"port": 8080, "protocol": "TCP"}]}]


def test_manifests_that_were_applied_over_a_release_are_noticed(release: Any) -> None:
    made = release(nothing, nothing)
    with pytest.raises(Refused) as refused:
        live_step(made.plan, Generator(), "100%", there(made, "50%", "before"))
    assert (
        "if your manifests were applied over the release, `render --phase PHASE`"
        in refused.value.findings[0].hint
    )
    with pytest.raises(Refused) as refused:
        live_step(made.plan, Generator(), "100%", there(made, "deploy"))
    assert "go by the phases between" in refused.value.findings[0].hint


# --- what is refused, and what is said ---------------------------------------------


def without(*path: str) -> Change:
    def change(documents: dict[str, Object]) -> None:
        holder: Any = documents
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]

    return change


def with_value(value: Any, *path: Any) -> Change:
    def change(documents: dict[str, Object]) -> None:
        holder: Any = documents
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value

    return change


def a_guard(kind: str = "AuthorizationPolicy", labels: Object = APP, name: str = "shop") -> Object:
    return an_object("security.istio.io/v1", kind, name, spec={"selector": {"matchLabels": labels}})


def a_binding(role: str) -> Object:
    return an_object(
        "rbac.authorization.k8s.io/v1", "RoleBinding", "shop", roleRef={"kind": "Role", "name": role}
    )


CLAIM = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}


def with_claim(mode: str) -> Change:
    def change(documents: dict[str, Object]) -> None:
        pod_of(documents)["volumes"] = [CLAIM]
        documents["claim"] = an_object("v1", "PersistentVolumeClaim", "data", spec={"accessModes": [mode]})

    return change


RULES = ("route", "spec", "rules")
TESTED = {"matches": [{"headers": [{"name": "X-Canary", "value": "1"}]}], "backendRefs": [{"name": "beta", "port": 80}]}  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (nothing, without("service"), "Service `shop` serves, and `from` has none of that name"),
        (nothing, with_value(8080, "service", "spec", "ports", 0, "port"), "Service shop has no port 80 in `from`"),
        (nothing, with_value({"tier": "web"}, "service", "spec", "selector"), "Service shop selects by tier: web in `from`"),
        (nothing, without("deployment", "spec", "replicas"), "Deployment `shop` says `replicas` no more"),
        (with_value(TESTED, *RULES, 0), nothing, "no rule of an HTTPRoute, GRPCRoute, TLSRoute or TCPRoute sends to Service shop"),
        (lambda it: it["route"]["spec"]["rules"].append(TESTED), nothing, "rule 1 of HTTPRoute shop matches the testers' header `x-canary` already"),
        (with_value([{"name": "shop", "port": 80, "weight": 0}, {"name": "b", "port": 80}], *RULES, 0, "backendRefs"), nothing, "rule 0 of HTTPRoute shop sends no request to Service shop: weight 0"),
        (nothing, with_claim("ReadWriteOncePod"), "all.yaml:22:9: spec.template.spec.volumes[0]: PersistentVolumeClaim data is ReadWriteOncePod"),
        (nothing, with_value(0, "deployment", "spec", "replicas"), "Deployment `shop` has 0 `replicas`"),
        (adding(a_binding("a")), adding(a_binding("b")), "roleRef of RoleBinding shop differs, and cannot be changed"),
        (nothing, adding(a_guard()), "spec.selector.matchLabels: AuthorizationPolicy shop selects stable's pods by their label, and misses the canary's; put one for app: shop-canary beside it"),
    ],
    ids=range(11),
)  # fmt: skip
def test_what_would_hurt_is_refused(release: Any, old: Change, new: Change, message: str) -> None:
    with pytest.raises(Refused) as refused:
        release(old, new)
    assert any(message in str(finding) for finding in refused.value.findings), [
        *map(str, refused.value.findings)
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_value(["x"], "deployment", "spec", "template", "spec", "containers"), "spec.template.spec.containers[0]: must be of type object"),
        (without("deployment", "spec", "template"), "spec.template: missing"),
        (with_value(["x"], *RULES, 0, "matches"), "spec.rules[0].matches[0]: must be of type object"),
        (with_value(["shop"], *RULES, 0, "backendRefs"), "spec.rules[0].backendRefs[0]: must be of type object"),
        (with_value([None], *RULES), "spec.rules[0]: must be of type object"),
        (with_value("shop", "service", "spec", "selector"), "spec.selector: must be of type object"),
    ],
)  # fmt: skip
def test_what_has_another_shape_is_refused_at_its_place(release: Any, change: Change, message: str) -> None:
    with pytest.raises(Refused) as refused:
        release(change, change)
    said = str(refused.value.findings[0])
    assert said.endswith(message)
    assert "/all.yaml:" in said


def test_nulls_are_as_good_as_nothing(release: Any) -> None:
    def nulls(documents: dict[str, Object]) -> None:
        pod = pod_of(documents)
        pod["containers"][0] |= {
            "env": [{"name": "A", "valueFrom": None}],
            "envFrom": [{"configMapRef": None}],
        }
        pod["volumes"] = [{"name": "v", "configMap": None, "emptyDir": {}}, {"name": "w", "projected": None}]
        pod |= {"initContainers": None, "affinity": None, "topologySpreadConstraints": None}
        documents["deployment"]["metadata"]["labels"] = None
        documents["service"]["metadata"]["annotations"] = None
        documents["route"]["spec"]["rules"][0] |= {"matches": None, "filters": None}
        documents["route"]["spec"]["rules"][0]["backendRefs"][0]["weight"] = None
        documents["scaler"] = a_scaler(behavior=None)
        documents["policy"] = a_policy("shop", {"matchLabels": APP}, ingress=None, egress=[{"to": None}])

    made = release(nulls, nulls)
    for name in made.plan.names():
        assert at(made, name)


def test_an_immutable_config_map_cannot_change_under_stable(release: Any) -> None:
    old, new = (an_object("v1", "ConfigMap", "flags", data={"a": text}, immutable=True) for text in "xy")
    with pytest.raises(Refused) as refused:
        release(adding(old), adding(new), perTrack=["flags"])
    assert "ConfigMap flags is immutable, and differs" in str(refused.value.findings[0])


def sends(documents: dict[str, Object]) -> None:
    documents["deployment"]["spec"]["strategy"] = {"type": "Recreate"}
    documents["tls"] = an_object("gateway.networking.k8s.io/v1", "UDPRoute", "calls", spec=copy.deepcopy(documents["route"]["spec"]))  # fmt: skip
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    documents["ingress"] = an_object(
        "networking.k8s.io/v1", "Ingress", "old", spec={"defaultBackend": backend}
    )


def roles(rule: str) -> Change:
    return adding(an_object("rbac.authorization.k8s.io/v1", "Role", "shop", rules=[{"verbs": [rule]}]))


def elsewhere(value: Object) -> Object:
    return {**value, "metadata": {**value["metadata"], "namespace": "elsewhere"}}


def test_a_claim_of_another_namespace_is_nobodys(release: Any) -> None:
    def claimed(documents: dict[str, Object]) -> None:
        with_claim("ReadWriteOncePod")(documents)
        documents["claim"] = elsewhere(documents["claim"])

    assert [one for one in release(nothing, claimed).warnings if "Claim" in one.message] == []


POD = ("deployment", "spec", "template", "spec")


def reached_from_outside(documents: dict[str, Object]) -> None:
    documents["service"]["spec"]["type"] = "NodePort"


def listens_elsewhere_outside(documents: dict[str, Object]) -> None:
    reached_from_outside(documents)
    listens_elsewhere(documents)


def a_quota(pods: str, **spec: Any) -> Object:
    return an_object("v1", "ResourceQuota", "q", spec={"hard": {"pods": pods}, **spec})


@pytest.mark.parametrize(
    "quota", [a_quota("9"), a_quota("8", scopes=["BestEffort"]), elsewhere(a_quota("8"))]
)
def test_a_quota_that_is_enough_or_about_other_pods_is_no_warning(release: Any, quota: Object) -> None:
    assert [one for one in release(nothing, adding(quota)).warnings if "Quota" in one.message] == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (sends, sends, "Recreate: at `promote-roll` nobody answers what rule 0 of UDPRoute calls and Ingress old sends"),
        (nothing, with_claim("ReadWriteOnce"), "PersistentVolumeClaim data is ReadWriteOnce: the canary's pods start on stable's node alone"),
        (nothing, with_value(80, "deployment", "spec", "template", "spec", "containers", 0, "ports", 0, "hostPort"), "hostPort 80: a node has it once"),
        (nothing, adding(an_object("example.com/v1", "Watcher", "w", spec={"pods": APP})), "Watcher w selects stable's pods by their label, and misses the canary's"),
        (nothing, adding(an_object("networking.istio.io/v1", "DestinationRule", "d", spec={"host": "shop.store.svc.cluster.local"})), "DestinationRule d is about Service shop, and not about shop-canary"),
        (nothing, adding(a_quota("8")), "ResourceQuota q allows 8 pods, and the release has up to 9"),
        (with_value("shop", *POD, "serviceAccountName"), nothing, "serviceAccountName goes, and the API server keeps `shop`; write serviceAccountName: default"),
        (without("deployment", "spec", "replicas"), without("deployment", "spec", "replicas"), "no `replicas`, and nothing in the manifests scales it"),
        (reached_from_outside, listens_elsewhere_outside, "changes before stable's pods have rolled: what Service shop (NodePort) sends fails meanwhile"),
        (nothing, adding(elsewhere(a_policy("db", {}, ingress=[{"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": APP}}]}]))), "NetworkPolicy db lets stable's pods in or out, and not the canary's"),
        (roles("get"), roles("list"), "Role shop changes with `promoted`: until then the canary has stable's rights"),
    ],
    ids=range(11),
)  # fmt: skip
def test_what_may_hurt_is_said(release: Any, old: Change, new: Change, message: str) -> None:
    warned = [str(finding) for finding in release(old, new).warnings if finding.rule == "adopt"]
    assert len(warned) == 1
    assert message in warned[0]


def test_labels_of_a_chart_are_no_rights(release: Any) -> None:
    def chart(version: str) -> Change:
        account = an_object("v1", "ServiceAccount", "shop")
        account["metadata"]["labels"] = {"helm.sh/chart": version}
        return adding(account)

    assert [one for one in release(chart("1"), chart("2")).warnings if one.rule == "adopt"] == []


def test_what_has_one_for_the_canary_is_neither_refused_nor_said(release: Any) -> None:
    rules = [an_object("networking.istio.io/v1", "DestinationRule", name, spec={"host": name}) for name in ("shop", "shop-canary")]  # fmt: skip
    made = release(nothing, adding(a_guard(), a_guard(labels=CANARY, name="canary"), *rules))
    assert [finding for finding in made.warnings if finding.rule == "adopt"] == []


def test_who_is_sent_to_stable_past_the_release_is_said(release: Any) -> None:
    assert "(serves nobody meanwhile)" in words(release(nothing, nothing), "promote-roll")
    said = words(release(sends, sends), "promote-roll")
    beside = an_object(
        "v1",
        "Service",
        "beside",
        spec={"selector": dict(APP), "type": "LoadBalancer", "ports": [{"port": 80}]},
    )
    assert "(still serves Service beside (LoadBalancer))" in words(
        release(adding(beside), adding(beside), service="shop"), "promote-roll"
    )
    assert "Deployment shop → v2 (still serves rule 0 of UDPRoute calls, Ingress old)" == said


def test_a_request_may_meet_another_route_of_the_set(release: Any, canary: Any, tmp_path: Path) -> None:
    match = {"path": {"type": "PathPrefix", "value": "/beta"}}
    spec = {
        "parentRefs": [{"name": "edge"}],
        "rules": [{"matches": [match], "backendRefs": [{"name": "beta", "port": 80}]}],
    }
    beta = adding(an_object("gateway.networking.k8s.io/v1", "HTTPRoute", "beta", spec=spec))
    release(beta, beta)
    for path, answering in (("/", "100%  shop-canary:80"), ("/beta", "beta:80")):
        done = canary(
            "simulate", "-f", tmp_path / "canary.yaml", "--phase", "100%", f"http://a.example{path}"
        )
        assert (done.code, answering in done.out) == (0, True), done.out


# --- selectors --------------------------------------------------------------------

IN = {"key": "app", "operator": "In", "values": ["shop"]}
NOT_IN = {"key": "app", "operator": "NotIn", "values": ["shop-canary"]}


@pytest.mark.parametrize(
    ("selector", "catches"),
    [
        ({}, {"stable", "canary", "none"}),
        (None, set()),
        ({"matchLabels": APP}, {"stable"}),
        ({"matchExpressions": [IN]}, {"stable"}),
        ({"matchExpressions": [NOT_IN]}, {"stable", "none"}),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, {"stable", "canary"}),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, {"none"}),
        ({"matchLabels": APP, "matchExpressions": [{"key": "x", "operator": "Exists"}]}, set()),
    ],
)
def test_selectors_catch_what_kubernetes_says(selector: Any, catches: set[str]) -> None:
    pods = {"stable": APP, "canary": CANARY, "none": {}}
    assert {name for name, labels in pods.items() if selects(selector, labels)} == catches


@pytest.mark.parametrize("selector", [{"matchLabels": APP}, {"matchExpressions": [IN]}])
def test_a_selector_that_follows_catches_the_canary_alone_and_one_of_both_catches_both(
    selector: Object,
) -> None:
    tracks = Tracks(APP, CANARY)
    assert [selects(following(selector, tracks), pods) for pods in (APP, CANARY)] == [False, True]
    assert [selects(of_both(selector, [tracks]), pods) for pods in (APP, CANARY, {})] == [True, True, False]


# --- the command line ---------------------------------------------------------------


def two_applications(documents: dict[str, Object]) -> None:
    """A second Deployment, and a rule of the same route that sends to its Service."""
    for kind in ("deployment", "service"):
        text = yaml.safe_dump(documents[kind]).replace("shop", "cart")
        documents[f"cart {kind}"] = yaml.safe_load(text)
    match = {"path": {"type": "PathPrefix", "value": "/cart"}}
    rule = {"name": "cart", "matches": [match], "backendRefs": [{"name": "cart", "port": 80}]}
    documents["route"]["spec"]["rules"].append(rule)


@pytest.fixture
def two_files(tmp_path: Path) -> Path:
    documents = base()
    two_applications(documents)
    (tmp_path / "k8s").mkdir()
    (tmp_path / "k8s/all.yaml").write_text(yaml.safe_dump_all(documents.values()))
    for name in ("shop", "cart"):
        spec = {
            "adopt": {"from": "k8s/", "deployment": name},
            "canary": {"tag": "v2"},
            "phases": ["10%", "100%"],
            "phase": "10%",
        }
        file = {
            "apiVersion": "kubectl-canary/v1alpha1",
            "kind": "Canary",
            "metadata": {"name": name},
            "spec": spec,
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(file))
    return tmp_path


def test_two_releases_on_one_route_are_chained(two_files: Path, canary: Any) -> None:
    first = canary("render", "-f", two_files / "shop.yaml", "--everything", "--phase", "100%")
    second = canary("render", "-f", two_files / "cart.yaml", "--manifests", "-", stdin=first.out.encode())
    assert (first.code, second.code) == (0, 0), second.err
    printed = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(second.out)}
    rules = {rule.get("name"): rule for rule in printed["HTTPRoute", "shop"]["spec"]["rules"]}
    shares = {
        name: {ref["name"]: ref["weight"] for ref in rule["backendRefs"]} for name, rule in rules.items()
    }
    assert shares[None] == {"shop": 0, "shop-canary": 100}
    assert shares["cart"] == {"cart": 90, "cart-canary": 10}
    assert {"cart-canary-testers-cart", "rule-canary-testers-shop"} < rules.keys()


def test_two_releases_that_are_not_chained_are_refused_with_the_chain(two_files: Path, canary: Any) -> None:
    done = canary("validate", two_files / "shop.yaml", two_files / "cart.yaml")
    assert done.code == 1
    chain = f"chain them: render -f {two_files}/shop.yaml --everything | render -f {two_files}/cart.yaml --manifests -"
    assert chain in done.out


def test_manifests_are_named_from_the_working_directory(
    two_files: Path, canary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (two_files / "here/old").mkdir(parents=True)
    text = (two_files / "k8s/all.yaml").read_text()
    (two_files / "here/new.yaml").write_text(text.replace("shop:v1", "shop:v3"))
    (two_files / "here/old/all.yaml").write_text(text)
    monkeypatch.chdir(two_files / "here")
    file = two_files / "file.yaml"
    spec = {"adopt": {"deployment": "shop"}, "phases": ["10%", "100%"], "phase": "10%"}
    head = {"apiVersion": "kubectl-canary/v1alpha1", "kind": "Canary", "metadata": {"name": "shop"}}
    file.write_text(yaml.safe_dump({**head, "spec": spec}))
    done = canary("render", "-f", file, "--manifests", "./new.yaml", "--stable-manifests", "old")
    assert done.code == 0, done.err
    assert "image: registry.example.com/shop:v3" in done.out
    done = canary("plan", "-f", file, "--manifests", "./new.yaml", "--stable-manifests", "old")
    assert "--manifests ./new.yaml --stable-manifests old | kubectl apply" in done.out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--manifests", "-", "--stable-manifests", "-"), "standard input can be read only once"),
        (("--manifests", "nothing"), "--manifests nothing: nothing does not exist"),
    ],
)
def test_manifests_that_cannot_be_are_said(
    two_files: Path, canary: Any, flags: tuple[str, ...], message: str
) -> None:
    done = canary("render", "-f", two_files / "shop.yaml", *flags, stdin=b"")
    assert (done.code != 0, done.out) == (True, "")
    assert message in done.err


def test_what_would_be_adopted_the_next_time_is_not_written(two_files: Path, canary: Any) -> None:
    for out in (two_files / "k8s", two_files / "k8s/out"):
        done = canary("render", "-f", two_files / "shop.yaml", "-o", f"dir={out}")
        assert done.code == 2
        assert "which spec.adopt.from reads: what is written there would be adopted" in done.err
    assert [one.name for one in (two_files / "k8s").iterdir()] == ["all.yaml"]
    assert canary("render", "-f", two_files / "shop.yaml", "-o", f"dir={two_files}/k8s-out").code == 0
