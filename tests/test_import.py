"""`import`: what ingress-nginx leads becomes a release in files that splits as nginx did, and what is lost is named."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Cluster, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from test_plan import GENERATOR

from kubectl_canary.commands import inputs
from kubectl_canary.commands.run.requests import documents
from kubectl_canary.errors import Refused
from kubectl_canary.integrations.importers import ingress_nginx
from kubectl_canary.integrations.importers.imported import Gateway, Imported, Wish
from kubectl_canary.reading.manifests import Manifest, read
from kubectl_canary.release.plan import Phase
from kubectl_canary.routing.requests import Request
from kubectl_canary.routing.simulation import simulate

Canary = Callable[..., Result]
Documents = list[dict[str, Any]]
NGINX = "nginx.ingress.kubernetes.io/"


def workload(name: str, image: str, **pod: Any) -> Documents:
    labels = {"app": name}
    container = {
        "name": "shop",
        "image": f"registry.example.com/shop:{image}",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], **pod}}
    metadata = {"name": name, "namespace": "store"}
    ports = [{"name": "web", "port": 80, "targetPort": "http"}]
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": ports},
        },
    ]


def path(service: str, at: str = "/", type_: str = "Prefix", port: Any = 80) -> dict[str, Any]:
    known = {"name": port} if isinstance(port, str) else {"number": port}
    return {"path": at, "pathType": type_, "backend": {"service": {"name": service, "port": known}}}


def ingress(
    name: str, hosts: dict[str, Documents], annotations: dict[str, str] | None = None, **spec: Any
) -> Any:
    rules = [
        {"host": host, "http": {"paths": paths}} if host else {"http": {"paths": paths}}
        for host, paths in hosts.items()
    ]
    metadata: dict[str, Any] = {"name": name, "namespace": "store"}
    if annotations:
        metadata["annotations"] = {f"{NGINX}{key}": text for key, text in annotations.items()}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata,
        "spec": {"ingressClassName": "nginx", **spec, "rules": rules},
    }


def a_canary(hosts: dict[str, Documents] | None = None, name: str = "shop-canary", **said: str) -> Any:
    annotations = {
        "canary": "true",
        **{f"canary-{key.replace('_', '-')}": text for key, text in said.items()},
    }
    return ingress(name, hosts or {"shop.example.com": [path("shop-canary")]}, annotations)


def a_shop(*canaries: Any, main: Any = None) -> Documents:
    main = main or ingress("shop", {"shop.example.com": [path("shop")]})
    return [*workload("shop", "v1"), *workload("shop-canary", "v2"), main, *canaries]


def manifests(values: Documents) -> list[Manifest]:
    return read("k8s.yaml", yaml.safe_dump_all(copy.deepcopy(values), sort_keys=False))


def taken_of(values: Documents) -> Imported:
    return ingress_nginx.imported(manifests(values), Wish(Gateway("edge", "infra")))


def rules(taken: Imported) -> set[str]:
    return {finding.rule.removeprefix("ingress-nginx-") for finding in taken.losses}


def refused(values: Documents) -> list[str]:
    with pytest.raises(Refused) as known:
        taken_of(values)
    return [finding.message for finding in known.value.findings]


@pytest.fixture
def imports(canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Canary:
    """`import` of documents in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(values: Documents, *arguments: str) -> Result:
        (tmp_path / "k8s.yaml").write_text(yaml.safe_dump_all(values, sort_keys=False))
        return canary("import", "k8s.yaml", "--gateway", "edge", *arguments)

    return call


# --- the same share ---------------------------------------------------------


def share_of_nginx(said: dict[str, str], headers: dict[str, str], cookies: dict[str, str]) -> Fraction:
    """What balancer.lua's route_to_alternative_balancer decides, as a share."""
    header = headers.get(said.get("by_header", ""))
    if header is not None:
        if said.get("by_header_value"):
            if header == said["by_header_value"]:
                return Fraction(1)
        elif said.get("by_header_pattern"):
            if re.search(said["by_header_pattern"], header):
                return Fraction(1)
        elif header in ("always", "never"):
            return Fraction(header == "always")
    cookie = cookies.get(said.get("by_cookie", ""))
    if cookie in ("always", "never"):
        return Fraction(cookie == "always")
    total = max(100, int(said.get("weight_total", "100")))
    return max(Fraction(0), min(Fraction(1), Fraction(int(said.get("weight", "0")), total)))


VALUES = st.sampled_from(["always", "never", "yes", "eu-west", "other"])
SAID = st.fixed_dictionaries(
    {},
    optional={
        "by_header": st.just("x-canary"),
        "by_header_value": VALUES,
        "by_header_pattern": st.sampled_from(["eu", "^eu-.*$", "^(always|yes)$", "o|w", "st$"]),
        "by_cookie": st.just("canary"),
        "weight": st.integers(0, 120).map(str),
        "weight_total": st.sampled_from(["10", "100", "200", "1000"]),
    },
)


def phase_now(taken: Imported, phases: tuple[Phase, ...], share: Fraction) -> Phase:
    """The phase that the canary of nginx stands at."""
    if share:
        return next(phase for phase in phases if phase.traffic.share == share)
    return next(phase for phase in phases if phase.name == ("header-only" if taken.testers else "deploy"))


@settings(max_examples=100, deadline=None)
@given(SAID, st.none() | VALUES, st.none() | VALUES)
def test_each_request_has_the_share_that_it_had(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, str], header: str | None, cookie: str | None
) -> None:
    values = a_shop(a_canary(**said))
    if share_of_nginx(said, {}, {}) == 1:
        assert any("everybody is on the canary" in message for message in refused(values))
        return
    taken = taken_of(values)
    lost = rules(taken)
    if ("never" in lost and "never" in (header, cookie)) or (
        "cookie" in lost and cookie in ("always", "never")
    ):
        return
    folder = tmp_path_factory.mktemp("import")
    (folder / "k8s.yaml").write_text(yaml.safe_dump_all(values))
    from conftest import run_here

    words = ("--gateway", "edge", "--into", f"{folder}/gateway", "-f", f"{folder}/canary.yaml")
    assert 0 == run_here("import", folder / "k8s.yaml", *words).code
    release = inputs.load([f"{folder}/canary.yaml"])
    headers = {"x-canary": header} if header else {}
    cookies = {"canary": cookie} if cookie else {}
    expected = share_of_nginx(said, headers, cookies)
    weight = share_of_nginx(said, {}, {})
    sent = tuple(headers.items()) + ((("cookie", f"canary={cookie}"),) if cookie else ())
    phase = phase_now(taken, release.plan.phases, weight)
    outcome = simulate(documents(release, GENERATOR, phase), Request(host="shop.example.com", headers=sent))
    shares = {share.backend.name: share.share for share in outcome.shares}
    assert expected == shares.get("shop-canary", 0), (said, headers, cookies)


@pytest.mark.parametrize(
    ("weight", "total", "names", "lost"),
    [
        ("10", None, ["5%", "10%", "25%", "50%", "100%"], False),
        ("25", None, ["5%", "25%", "50%", "100%"], False),
        ("0", None, ["5%", "25%", "50%", "100%"], False),
        ("1", "1000", ["0.1%", "5%", "25%", "50%", "100%"], False),
        ("1", "30000", ["5%", "25%", "50%", "100%"], True),
        ("1", "300", ["0.33%", "5%", "25%", "50%", "100%"], True),
        ("7", "10", ["5%", "7%", "25%", "50%", "100%"], True),
    ],
)
def test_the_share_of_now_is_a_phase(weight: str, total: str | None, names: list[str], lost: bool) -> None:
    more = {} if total is None else {"weight_total": total}
    taken = taken_of(a_shop(a_canary(weight=weight, **more)))
    assert names == [phase["name"] for phase in taken.phases]
    assert lost == bool(rules(taken) & {"weight", "weight-total"})


# --- the routes -------------------------------------------------------------


def test_an_ingress_becomes_a_route_for_each_list_of_paths() -> None:
    shop, api = path("shop", port="web"), path("api", "/api", "Exact", 8080)
    hosts = {"a.example.com": [shop], "b.example.com": [shop, api], "c.example.com": [shop]}
    taken = taken_of(a_shop(a_canary({"a.example.com": [path("shop-canary")]}), main=ingress("shop", hosts)))
    first, second = taken.routes
    assert ("shop", ["a.example.com", "c.example.com"]) == (
        first["metadata"]["name"],
        first["spec"]["hostnames"],
    )
    assert ("shop-2", ["b.example.com"]) == (second["metadata"]["name"], second["spec"]["hostnames"])
    assert [{"name": "edge", "namespace": "infra"}] == first["spec"]["parentRefs"]
    assert [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"name": "shop", "port": 80}],
        },
        {
            "matches": [{"path": {"type": "Exact", "value": "/api"}}],
            "backendRefs": [{"name": "api", "port": 8080}],
        },
    ] == second["spec"]["rules"]


def test_every_path_to_the_same_port_of_the_service_is_split_as_nginx_does(
    imports: Canary, canary: Canary
) -> None:
    """Nginx hangs the canary on the upstream, and not on the path by which it finds it."""
    ports = [
        {"name": "web", "port": 80, "targetPort": "http"},
        {"name": "admin", "port": 81, "targetPort": "http"},
    ]
    hosts = {
        "b.example.com": [path("shop")],
        "shop.example.com": [path("shop"), path("shop", "/cart"), path("shop", "/admin", port=81)],
    }
    values = a_shop(
        a_canary({"shop.example.com": [path("shop-canary", "/cart")]}, weight="25"),
        main=ingress("shop", hosts),
    )
    for value in values:
        if value["kind"] == "Service":
            value["spec"]["ports"] = ports
    more = ingress("more", {"more.example.com": [path("shop")]})
    admin = ingress("admin", {"admin.example.com": [path("shop", port=81)]})
    assert 0 == imports([*values, more, admin]).code
    for asked, share in (
        ("admin.example.com/", "100%  shop:81"),
        ("shop.example.com/", "25%  shop-canary:80"),
        ("shop.example.com/cart", "25%  shop-canary:80"),
        ("shop.example.com/admin", "100%  shop:81"),
        ("b.example.com/", "25%  shop-canary:80"),
        ("more.example.com/", "25%  shop-canary:80"),
    ):
        assert share in canary("simulate", "--phase", "25%", f"http://{asked}").out, asked


def test_paths_to_one_port_share_a_rule_and_a_route_has_room(imports: Canary, canary: Canary) -> None:
    paths = [path("shop"), *(path("shop", f"/{number}") for number in range(70)), path("api", "/api")]
    hosts = {f"h{number}.example.com": paths for number in range(17)}
    split = a_canary({"h3.example.com": [path("shop-canary")]}, weight="25")
    assert 0 == imports(a_shop(split, main=ingress("shop", hosts))).code
    routes = [yaml.safe_load(file.read_text()) for file in Path("gateway").glob("httproute-*")]
    assert 4 == len(routes)  # 10 rules of up to 8 paths in two, for 16 hosts and for one
    assert [7, 7, 3, 3] == sorted((len(route["spec"]["rules"]) for route in routes), reverse=True)
    assert {16, 1} == {len(route["spec"]["hostnames"]) for route in routes}
    for asked, share in (("h3", "25%  shop-canary:80"), ("h16", "25%  shop-canary:80")):
        for at in ("/", "/8", "/69"):
            assert share in canary("simulate", "--phase", "25%", f"http://{asked}.example.com{at}").out
    assert "100%  api:80" in canary("simulate", "--phase", "25%", "http://h3.example.com/api").out


def test_a_host_and_no_host_are_two_routes() -> None:
    taken = taken_of(a_shop(main=ingress("shop", {"": [path("shop")], "a.example.com": [path("shop")]})))
    assert [None, ["a.example.com"]] == [route["spec"].get("hostnames") for route in taken.routes]


def test_routes_have_names_that_nobody_has(imports: Canary) -> None:
    hosts = {"a.example.com": [path("shop")], "b.example.com": [path("shop"), path("shop", "/b")]}
    more = ingress("shop-2", {"c.example.com": [path("shop")]})
    assert 0 == imports([*workload("shop", "v1"), ingress("shop", hosts), more]).code
    assert 3 == len(
        {yaml.safe_load(file.read_text())["metadata"]["name"] for file in Path("gateway").glob("httproute-*")}
    )


def test_objects_of_two_namespaces_have_files_of_their_own(imports: Canary) -> None:
    maps = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace},
            "data": {"a": namespace},
        }
        for namespace, name in (("store", "a"), ("ops", "a"), ("store", "a-2"), ("ops", "n" * 253))
    ]
    assert 0 == imports([*a_shop(a_canary(weight="5")), *maps]).code
    found = [yaml.safe_load(file.read_text()) for file in Path("gateway").glob("configmap-*")]
    assert {("store", "a"), ("ops", "a"), ("store", "a-2"), ("ops", "n" * 253)} == {
        (known["metadata"]["namespace"], known["metadata"]["name"]) for known in found
    }


def test_other_namespaces_and_deployments_are_none_of_it(imports: Canary) -> None:
    elsewhere = [
        {**value, "metadata": {**value["metadata"], "namespace": "ops"}}
        for value in workload("shop-canary", "v9")
    ]
    grafana = ingress("grafana", {"grafana.example.com": [path("shop-canary")]})
    grafana["metadata"]["namespace"] = "ops"
    report = imports(
        [*a_shop(a_canary(weight="5")), *elsewhere, grafana, *workload("redis", "v7")[:1]],
        *("-o", "json", "--gateway-namespace", "infra"),
    )
    assert (0, "") == (report.code, report.err)
    said = json.loads(report.out)
    steps = said["steps"]
    others = [
        loss["message"].partition(":")[0] for loss in said["losses"] if loss["rule"].endswith("of-others")
    ]
    assert ["Deployment ops/shop-canary", "Deployment store/redis"] == others
    assert "kubectl delete service/shop-canary deployment/shop-canary -n store" in steps[3]
    assert "kubectl delete ingress/shop -n store && kubectl delete ingress/grafana -n ops" in steps[8]
    assert ["deployment-shop.yaml"] == [file.name for file in Path("gateway").glob("deployment-*")]


def test_ingresses_of_another_class_stay_as_they_are(imports: Canary) -> None:
    other = ingress("edge", {"edge.example.com": [path("shop")]})
    other["spec"]["ingressClassName"] = "traefik"
    values = [*a_shop(a_canary(weight="5")), other]
    report = json.loads(imports(values, "-o", "json").out)
    assert ["ingress-nginx-class"] == [loss["rule"] for loss in report["losses"]]
    assert "edge" not in "".join(report["steps"])
    without = [value for value in values if value["metadata"]["name"] != "shop-canary"]
    assert (
        "say which is nginx's, and that of those without: --ingress-class nginx"
        in imports(without, "--force").err
    )
    assert 0 == imports(without, "--force", "--ingress-class", "nginx").code
    assert (
        "none of the Ingresses is of class none" in imports(without, "--force", "--ingress-class", "none").err
    )


def without_class(value: dict[str, Any]) -> dict[str, Any]:
    return {
        **value,
        "spec": {key: child for key, child in value["spec"].items() if key != "ingressClassName"},
    }


@pytest.mark.parametrize("place", [0, 1])
def test_one_of_a_pair_without_a_class_is_told(imports: Canary, place: int) -> None:
    pair = [ingress("shop", {"shop.example.com": [path("shop")]}), a_canary(weight="5")]
    pair[place] = without_class(pair[place])
    values = a_shop(pair[1], main=pair[0])
    told = imports(values)
    assert (1, "") == (told.code, told.out)
    assert "and that of those without: --ingress-class nginx" in told.err
    assert 0 == imports(values, "--ingress-class", "nginx").code
    default = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "nginx", "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
    }
    assert 0 == imports([*values, default], "--force", "--into", "again").code


def test_a_port_by_name_and_by_number_are_two_for_nginx(imports: Canary, canary: Canary) -> None:
    main = ingress("shop", {"shop.example.com": [path("shop"), path("shop", "/api", port="web")]})
    assert 0 == imports(a_shop(a_canary(weight="25"), main=main)).code
    for at, share in (("/", "25%  shop-canary:80"), ("/api", "100%  shop:80")):
        assert share in canary("simulate", "--phase", "25%", f"http://shop.example.com{at}").out


def test_it_can_be_run_again_in_its_folder(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("k8s.yaml").write_text(yaml.safe_dump_all(a_shop(a_canary(weight="5"))))
    for force in ((), ("--force",)):
        assert 0 == canary("import", ".", "--gateway", "edge", *force).code


def test_routes_of_two_namespaces_need_to_know_where_the_gateway_is(imports: Canary) -> None:
    elsewhere = ingress("grafana", {"grafana.example.com": [path("grafana")]})
    elsewhere["metadata"]["namespace"] = "ops"
    values = [*a_shop(a_canary(weight="5")), elsewhere]
    told = imports(values)
    assert (2, "", False) == (told.code, told.out, Path("gateway").exists())
    assert "in which is Gateway edge?" in told.err
    assert 0 == imports(values, "--gateway-namespace", "infra").code


def test_what_is_imported_and_a_release_under_way_are_not_written_over(imports: Canary) -> None:
    values = a_shop(a_canary(weight="5"))
    told = imports(values, "-f", "k8s.yaml", "--force")
    assert (2, "") == (told.code, told.out)
    assert "-f k8s.yaml is what is imported" in told.err
    assert 0 == imports(values).code
    text = Path("canary.yaml").read_text()
    Path("canary.yaml").write_text(text.replace("phase: deploy", "phase: 25%"))
    told = imports(values, "--force")
    assert (2, "") == (told.code, told.out)
    assert "canary.yaml has a release at `25%`" in told.err
    Path("canary.yaml").write_text("{")
    assert 0 == imports(values, "--force").code


def test_what_no_file_has_is_named_and_not_written(imports: Canary) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "uid": "1", "controller": True}
    more = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls", "namespace": "store"}, "data": {}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop-1", "namespace": "store"}, "spec": {}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "own", "namespace": "store", "ownerReferences": [owner]},
        },
    ]
    report = json.loads(imports([*a_shop(a_canary(weight="5")), *more], "-o", "json").out)
    assert ["ingress-nginx-not-written"] * 3 == [loss["rule"] for loss in report["losses"]]
    assert not {"secret-tls.yaml", "pod-shop-1.yaml", "configmap-own.yaml"} & {
        file.name for file in Path("gateway").iterdir()
    }


def test_the_steps_apply_the_routes_alone_and_take_the_canary_first(imports: Canary) -> None:
    report = json.loads(imports(a_shop(a_canary(weight="5")), "-o", "json").out)
    steps = report["steps"]
    assert "Git or Helm" in steps[0]
    assert "shop (2)" in steps[1]
    assert steps[2].endswith("kubectl delete ingress/shop-canary -n store")
    assert "kubectl apply -f gateway/httproute-shop.yaml" in steps[5]
    assert "bring the new files in" in steps[9]
    assert "kubectl canary apply --phase deploy" in steps[10]
    bare = imports(
        [*workload("shop", "v1"), ingress("shop", {"*.example.com": [path("shop")]})], "--force", "-o", "json"
    )
    steps = json.loads(bare.out)["steps"]
    assert "canary" not in steps[0]
    assert "curl --resolve any.example.com:80" in "".join(steps)
    assert "Write the next version into `spec.canary` of canary.yaml" in "".join(steps)


def test_the_only_container_has_the_image_whatever_it_is_called(imports: Canary) -> None:
    values = a_shop(a_canary(weight="5"))
    values[2]["spec"]["template"]["spec"]["containers"][0]["name"] = "next"
    assert 0 == imports(values).code
    assert "canary: {image: registry.example.com/shop:v2}" in Path("canary.yaml").read_text()


def test_without_a_canary_the_usual_phases_are_written(imports: Canary, canary: Canary) -> None:
    values = [*workload("shop", "v1"), ingress("shop", {"": [path("shop")]})]
    result = imports(values)
    assert (0, "") == (result.code, result.err)
    assert "hostnames" not in Path("gateway/httproute-shop.yaml").read_text()
    assert 0 == canary("plan", "--canary-tag", "v2").code


# --- the files --------------------------------------------------------------


def test_what_is_the_canarys_alone_is_not_among_the_manifests(imports: Canary) -> None:
    def scaler(name: str) -> dict[str, Any]:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3}
        return {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": name, "namespace": "store"},
            "spec": spec,
        }

    def budget(name: str, app: str) -> dict[str, Any]:
        selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": app.split()}]}
        return {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": "store"},
            "spec": {"minAvailable": 1, "selector": selector},
        }

    more = [scaler("shop-canary"), budget("canary", "shop-canary"), budget("both", "shop shop-canary")]
    assert 0 == imports([*a_shop(a_canary(weight="5")), *more]).code
    names = sorted(file.name for file in Path("gateway").iterdir())
    assert [
        "deployment-shop.yaml",
        "httproute-shop.yaml",
        "poddisruptionbudget-both.yaml",
        "service-shop.yaml",
    ] == names
    assert "canary: {image: registry.example.com/shop:v2}" in Path("canary.yaml").read_text()


def test_what_a_cluster_has_added_is_left_out(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = a_shop(a_canary(weight="5"))
    for value in values:
        value["metadata"] |= {"uid": "1", "resourceVersion": "2", "creationTimestamp": "2026-01-01T00:00:00Z"}
        value["status"] = {}
    text = json.dumps({"kind": "List", "apiVersion": "v1", "items": values})
    assert 0 == canary("import", "-", "--gateway", "edge", stdin=text.encode()).code
    for file in Path("gateway").iterdir():
        assert not {"uid", "status", "resourceVersion"} & set(re.findall(r"\w+", file.read_text())), file.name


def test_pods_that_a_scaler_counts_are_not_counted_by_a_file(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 3},
    }
    values = [*a_shop(a_canary(weight="5")), scaler]
    for value in values:
        value["metadata"]["uid"] = "1"
    text = json.dumps({"kind": "List", "apiVersion": "v1", "items": values})
    assert 0 == canary("import", "-", "--gateway", "edge", stdin=text.encode()).code
    assert "replicas" not in Path("gateway/deployment-shop.yaml").read_text()


@pytest.mark.parametrize("there", ["canary.yaml", "gateway/deployment-shop.yaml"])
def test_nothing_is_written_over(imports: Canary, there: str) -> None:
    Path(there).parent.mkdir(exist_ok=True)
    Path(there).write_text("old")
    result = imports(a_shop(a_canary(weight="5")))
    assert (2, "", "old") == (result.code, result.out, Path(there).read_text())
    assert "--force writes over" in result.err
    assert 0 == imports(a_shop(a_canary(weight="5")), "--force").code


def test_what_lies_in_the_folder_beside_is_not_released(imports: Canary) -> None:
    Path("gateway").mkdir()
    Path("gateway/old.yaml").write_text("old")
    result = imports(a_shop(a_canary(weight="5")), "--force")
    assert (2, "", False) == (result.code, result.out, Path("canary.yaml").exists())
    assert "gateway has other files, which would be released with these: old.yaml" in result.err


@pytest.mark.parametrize(
    "file", ["-", "gateway/canary.yaml", "{here}/gateway/canary.yaml", "link/canary.yaml"]
)
def test_the_canary_file_is_a_file_beside_the_manifests(imports: Canary, file: str) -> None:
    Path("gateway").mkdir()
    Path("link").symlink_to("gateway")
    file = file.format(here=Path.cwd())
    result = imports(a_shop(a_canary(weight="5")), "-f", file)
    assert (2, "", []) == (result.code, result.out, list(Path("gateway").iterdir()))


@pytest.mark.parametrize("file", ["canary.yaml", "/proc/canary.yaml"])
def test_where_one_file_cannot_be_written_none_is(imports: Canary, file: str) -> None:
    Path("canary.yaml").mkdir()
    result = imports(a_shop(a_canary(weight="5")), "--force", "-f", file)
    assert (4, "", False) == (result.code, result.out, Path("gateway").exists())


def test_without_a_folder_for_the_canary_file_nothing_is_written(imports: Canary) -> None:
    result = imports(a_shop(a_canary(weight="5")), "-f", "none/canary.yaml")
    assert (2, "", False) == (result.code, result.out, Path("gateway").exists())
    assert "there is no folder for none/canary.yaml" in result.err


def test_the_report_is_for_people_and_for_programs(imports: Canary) -> None:
    said = {"by_header": "x-canary", "by_cookie": "canary", "weight": "5"}
    values = a_shop(
        a_canary(**said),
        main=ingress("shop", {"shop.example.com": [path("shop")]}, {"proxy-body-size": "1m"}),
    )
    text = imports(values).out
    report = json.loads(imports(values, "--force", "-o", "json").out)
    assert ["read", "wrote", "losses", "steps"] == list(report)
    assert {"ingress-nginx-never", "ingress-nginx-cookie", "ingress-nginx-annotation"} == {
        loss["rule"] for loss in report["losses"]
    }
    assert all(loss["line"] and loss["message"] in text for loss in report["losses"])
    assert all(step in text for step in report["steps"])


# --- what is lost, and what is refused --------------------------------------


def test_every_loss_is_in_the_docs_and_every_one_there_can_be() -> None:
    files = (ROOT / "kubectl_canary/integrations/importers").glob("ingress_nginx*.py")
    text = "".join(file.read_text() for file in files)
    assert {*re.findall(r"{NAME}-([a-z-]+)", text)} == ingress_nginx.LOSSES.keys()


@pytest.mark.parametrize(
    ("said", "lost", "testers"),
    [
        ({"by_header": "x"}, {"never"}, {"header": "x", "value": "always"}),
        ({"by_header": "x", "by_header_value": "v"}, set(), {"header": "x", "value": "v"}),
        (
            {"by_header": "x", "by_header_value": "v", "by_header_pattern": "p"},
            {"header-pattern"},
            {"header": "x", "value": "v"},
        ),
        ({"by_header": "x", "by_header_pattern": "(?=a)"}, {"header-pattern"}, False),
        (
            {"by_header": "x", "by_header_pattern": "eu|us"},
            {"header-pattern"},
            {"header": "x", "match": "RegularExpression", "value": ".*(?:eu|us).*"},
        ),
        (
            {"by_header": "x", "by_header_pattern": "(?=a)", "by_cookie": "c"},
            {"header-pattern", "never"},
            {"cookie": "c", "value": "always"},
        ),
        ({"by_cookie": "c"}, {"never"}, {"cookie": "c", "value": "always"}),
        ({"by_header_value": "v"}, set(), False),
        ({"weight": "5"}, set(), False),
    ],
)
def test_who_is_let_in_is_the_header_before_the_cookie(
    said: dict[str, str], lost: set[str], testers: dict[str, str] | bool
) -> None:
    taken = taken_of(a_shop(a_canary(**said)))
    assert (lost, testers) == (rules(taken), taken.testers)


@pytest.mark.parametrize(
    ("values", "lost"),
    [
        (a_shop(main=ingress("shop", {"a.b": [path("shop", "/x", "ImplementationSpecific")]})), {"path-type"}),
        (a_shop(main=ingress("shop", {"a.b": [path("shop", "/", "ImplementationSpecific")]})), set()),
        (a_shop(main=ingress("shop", {"a.b": [path("shop")]}, defaultBackend={"service": {"name": "shop", "port": {"number": 80}}})), {"default-backend"}),
        (a_shop(main=ingress("shop", {"a.b": [path("shop")]}, tls=[{"hosts": ["a.b"]}])), {"tls", "tls-redirect"}),
        (a_shop(main=ingress("shop", {"a.b": [path("shop")]}, {"ssl-redirect": "false"}, tls=[{}])), {"tls", "annotation"}),
        (a_shop(a_canary({"shop.example.com": [path("shop-canary"), path("shop-canary", "/x")]}, weight="5")), {"alone"}),
        (a_shop(main=ingress("shop", {"a.b": [path("shop")]}, {"auth-url": "x"})), {"annotation"}),
        (a_shop({**a_canary(weight="5"), "spec": {**a_canary(weight="5")["spec"], "defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}}}), {"default-backend"}),
        ([value for value in a_shop(a_canary(weight="5")) if value["metadata"]["name"] != "shop-canary" or value["kind"] == "Ingress"], {"canary-unknown"}),
        ([*a_shop(a_canary(weight="5"))[:2], *workload("shop-canary", "v2", hostNetwork=True), *a_shop(a_canary(weight="5"))[4:]], {"canary-differs"}),
    ],
)  # fmt: skip
def test_what_a_route_cannot_say_is_named(values: Documents, lost: set[str]) -> None:
    assert lost == rules(taken_of(values))


def test_a_canarys_other_annotations_are_read_by_nobody() -> None:
    known = a_canary(weight="5")
    known["metadata"]["annotations"] |= {
        f"{NGINX}proxy-body-size": "1m",
        f"{NGINX}affinity": "cookie",
        "other": "x",
    }
    (finding,) = taken_of(a_shop(known)).losses
    assert "affinity" in finding.message


HOST = "shop.example.com"


def stateful() -> Documents:
    deployment, service = workload("shop", "v1")
    return [{**deployment, "kind": "StatefulSet"}, service]


def both(selector: dict[str, str]) -> Documents:
    """A shop whose Services tell the pods by `app` and `track`; the first has this selector."""
    values = a_shop(a_canary(weight="5"))
    for value, track in zip(values[:4], ("stable", "stable", "canary", "canary"), strict=True):
        labels = {"app": "shop", "track": track}
        value["spec"]["selector"] = {"matchLabels": labels} if value["kind"] == "Deployment" else labels
        if value["kind"] == "Deployment":
            value["spec"]["template"]["metadata"]["labels"] = labels
    values[1]["spec"]["selector"] = selector
    return values


def test_a_canarys_service_with_other_ports_is_named() -> None:
    values = both({"app": "shop", "track": "stable"})
    assert set() == rules(taken_of(values))
    values[3]["spec"]["ports"] = [{"name": "web", "port": 80, "targetPort": 9090}]
    assert {"canary-differs"} == rules(taken_of(values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (both({"app": "shop"}), "it selects the canary's pods, too"),
        (a_shop(main={**ingress("shop", {HOST: [path("shop")]}), "apiVersion": "extensions/v1beta1"}), "it is of extensions/v1beta1"),
        (a_shop(main=ingress("shop", {HOST: [path("shop")]}, {"use-regex": "true"})), "regular expressions of nginx"),
        (a_shop(main=ingress("shop", {HOST: [path("shop")]}, {"rewrite-target": "/"})), "regular expressions of nginx"),
        (a_shop(main=ingress("shop", {HOST: [path("shop")]}, {"server-alias": "b.c"})), "hosts that no rule names"),
        (a_shop(main=ingress("shop", {HOST: [path("shop")]}, {"backend-protocol": "GRPC"})), "asked by GRPC"),
        (a_shop(main=ingress("shop", {HOST: [path("shop")]}, {"canary": True})), "must be of type string"),
        ([*a_shop(a_canary(weight="5")), ingress("preview", {"p.q": [path("shop-canary")]})], "it sends requests to Service shop-canary, which is the canary's"),
        ([*a_shop(a_canary(weight="5")), {**ingress("other", {"p.q": [path("shop-canary")]}), "spec": {"ingressClassName": "traefik", "rules": ingress("", {"p.q": [path("shop-canary")]})["spec"]["rules"]}}], "it sends requests to Service shop-canary"),
        ([*a_shop(a_canary(weight="5")), {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "r", "namespace": "store"}, "spec": {"rules": [{"backendRefs": [{"name": "shop-canary", "port": 80}]}]}}], "it sends requests to Service shop-canary"),
        ([*a_shop(a_canary(weight="5")), {**workload("shop-canary", "v2")[1], "metadata": {"name": "metrics", "namespace": "store"}}], "it selects the canary's pods, too"),
        ([*a_shop(a_canary(weight="5")), ingress("all", {}, defaultBackend={"service": {"name": "shop", "port": {"number": 80}}})], "it has no rule"),
        (a_shop(main=ingress("shop", {HOST: [path("shop")]}, {"permanent-redirect": "https://x"})), "no request comes to its pods"),
        ([*stateful(), ingress("shop", {HOST: [path("shop")]})], "no Deployment has its pods: StatefulSet store/shop"),
        ([{**value, "spec": {"ports": value["spec"]["ports"]}} if value["kind"] == "Service" else value for value in [*workload("shop", "v1"), ingress("shop", {HOST: [path("shop")]})]], "it has no selector"),
        ([*a_shop(a_canary(weight="5")), ingress("again", {HOST: [path("shop")]})], "has shop.example.com/ already, and nginx takes one alone"),
        (a_shop({**a_canary(weight="5"), "metadata": {**a_canary(weight="5")["metadata"], "namespace": "eu"}}), "is of another namespace"),
        (a_shop(a_canary(weight="x")), "`x` is not a number"),
        (a_shop({**a_canary(), "spec": {"ingressClassName": "nginx", "rules": [{"host": HOST}]}}), "it has no path: what is it a canary of?"),
        (a_shop(a_canary({HOST: [path("shop")]})), "so that nginx ignores it"),
        (a_shop(a_canary({HOST: [path("shop-canary", "/", "Exact")]})), "no other Ingress has shop.example.com/ (Exact)"),
        (a_shop(a_canary({"other.example.com": [path("shop-canary")]})), "no other Ingress has other.example.com/"),
        (a_shop(a_canary(weight="5"), a_canary(name="another", weight="5")), "nginx takes one alone"),
        (a_shop(a_canary(weight="5"), a_canary({"b.c": [path("shop-canary")]}, "another", weight="6")), "splits otherwise"),
        (a_shop(main=ingress("shop", {HOST: [path("shop"), path("api", "/api")]})), "one release is of one"),
        (a_shop(main=ingress("shop", {HOST: [path("shop", port="none")]})), "has no port `none`"),
        (a_shop(main=ingress("shop", {HOST: [path("gone")]})), "Service gone is not among the manifests"),
        (a_shop(main=ingress("shop", {HOST: [{"path": "/", "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}]})), "its backend is no Service"),
        (a_shop(main=ingress("shop", {})), "it has no path with a Service"),
    ],
)  # fmt: skip
def test_what_nothing_can_be_made_of_is_refused_at_its_place(
    values: Documents, message: str, imports: Canary
) -> None:
    assert any(message in known for known in refused(values))
    result = imports(values)
    assert (1, "", False, False) == (
        result.code,
        result.out,
        Path("gateway").exists(),
        Path("canary.yaml").exists(),
    )
    assert re.search(rf"k8s\.yaml:\d+:\d+: .*{re.escape(message)}", result.err)


def test_without_an_ingress_or_a_deployment_the_cure_is_said(imports: Canary) -> None:
    none = imports(workload("shop", "v1"))
    assert "there is no Canary of flagger, Rollout of argo-rollouts, " in none.err
    assert " or Ingress of ingress-nginx in k8s.yaml\n" in none.err
    assert (
        "deployment,hpa -n NAMESPACE -o yaml | kubectl canary import - --gateway edge, with KIND one of"
        in none.err
    )
    bare = imports([value for value in a_shop() if value["kind"] != "Deployment"])
    assert (1, "") == (bare.code, bare.out)
    assert "Deployment" in bare.err


# --- the API server ---------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "paths"),
    [({"weight": "10", "by_header": "x-canary"}, 1), ({"by_cookie": "canary"}, 1), ({"by_header": "x"}, 60)],
)
def test_the_api_server_takes_every_phase(
    said: dict[str, str], paths: int, imports: Canary, canary: Canary, cluster: Cluster, namespace: str
) -> None:
    main = ingress("shop", {HOST: [path("shop"), *(path("shop", f"/{number}") for number in range(paths))]})
    values = a_shop(a_canary(**said), main=main)
    text = yaml.safe_dump_all(values).replace("namespace: store", f"namespace: {namespace}")
    assert 0 == imports(list(yaml.safe_load_all(text))).code
    plan = inputs.load(["canary.yaml"]).plan
    for phase in plan.phases:
        rendered = canary("render", "--phase", phase.name).out
        cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=rendered)


def test_force_does_not_forget_a_next_version_or_bring_an_older_one_back(imports: Canary) -> None:
    values = a_shop()
    assert 0 == imports(values).code
    canary_file, deployment = Path("canary.yaml"), Path("gateway/deployment-shop.yaml")
    text, first = canary_file.read_text(), deployment.read_text()
    canary_file.write_text(f"{text}  canary: {{tag: v2}}\n")
    assert "has a next version, which would be forgotten" in imports(values, "--force").err
    canary_file.write_text(text)
    deployment.write_text(first.replace("shop:v1", "shop:v2"))
    assert "gateway/deployment-shop.yaml runs registry.example.com/shop:v2" in imports(values, "--force").err
    deployment.write_text(first)
    assert 0 == imports(values, "--force").code
