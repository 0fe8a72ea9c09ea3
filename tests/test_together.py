"""Several Deployments that are released together, each behind a Service of its own, on one route."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
from test_adoption import CASES, changed, documents_of, every_phase, release_of
from test_in_place import files_of, jump, names_of

from kubectl_canary.api.equality import identical
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.release import Release
from kubectl_canary.release import adoption

Canary = Callable[..., Result]
CASE = CASES / "adopt-together"
NAMES = ("web", "api", "search")
LIST = """\
    deployment:
      - name: web
        images: {web: registry.example.com/web:v2}
      - name: api
        service: api
        images: {api: registry.example.com/api:v2, migrate: registry.example.com/api:v2}
      - name: search
        images: {search: registry.example.com/search:v7}
"""
BARE = "    deployment: [{name: web}, {name: search}, {name: api}]\n"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASE, tmp_path / "case", ignore=shutil.ignore_patterns("expected")))


def beside_from(case: Path, lines: str) -> None:
    """Say more of what is adopted."""
    changed(case, "canary.yaml", "    from: k8s/\n", f"    from: k8s/\n{lines}\n")


def rules_of(release: Release, phase: str) -> dict[str, dict[str, Any]]:
    route = documents_of(release, release.plan.find(phase))["HTTPRoute", "store"]
    return {rule["name"]: rule for rule in route["spec"]["rules"]}


@pytest.mark.parametrize(
    ("rule", "stable", "canary", "others"),
    [
        ("pages", ("web", 80), ("web-canary", 80), Fraction(0)),
        ("api", ("api", 80), ("api-canary", 80), Fraction(0)),
        ("admin", ("api", 9000), ("api-canary", 9000), Fraction(0)),
        ("search", ("search", 80), ("search-canary", 80), Fraction(1, 4)),
    ],
)
def test_each_rule_is_split_between_the_sides_of_its_own_service(
    rule: str, stable: tuple[str, int], canary: tuple[str, int], others: Fraction
) -> None:
    refs = rules_of(release_of(CASE), "50%")[rule]["backendRefs"]
    weights = {(ref["name"], ref["port"]): Fraction(ref["weight"]) for ref in refs}
    assert {weights[stable], weights[canary]} == {sum(weights.values()) * (1 - others) / 2}
    clone = rules_of(release_of(CASE), "50%")[f"{rule}-canary-testers-store"]
    assert [(ref["name"], ref["port"]) for ref in clone["backendRefs"]] == [canary]


def test_no_service_and_no_deployment_catches_the_pods_of_another() -> None:
    release = release_of(CASE)
    there = documents_of(release, release.plan.full)
    both = [name for known in NAMES for name in (known, f"{known}-canary")]
    pods = {name: there["Deployment", name]["spec"]["template"]["metadata"]["labels"] for name in both}
    for kind, *path in (("Service", "selector"), ("Deployment", "selector", "matchLabels")):
        for name in both:
            selector = there[kind, name]["spec"]
            for key in path:
                selector = selector[key]
            assert [other for other in both if selector.items() <= pods[other].items()] == [name]


def test_pods_of_every_canary_follow_the_shares_of_their_own_stable() -> None:
    release = release_of(CASE)
    found = {
        phase.name: [pods.canary for pods in phase.pods]
        for phase in release.plan.phases
        if phase.name in ("10%", "50%")
    }
    assert found == {"10%": [2, 5, 1], "50%": [4, 10, 2]}


def test_a_policy_between_the_deployments_lets_each_canary_reach_each() -> None:
    release = release_of(CASE)
    spec = documents_of(release, release.plan.full)["NetworkPolicy", "behind-web-canary"]["spec"]
    (expression,) = spec["podSelector"]["matchExpressions"]
    assert expression["values"] == ["api", "api-canary", "search", "search-canary"]
    peers = [peer["podSelector"]["matchLabels"]["app"] for peer in spec["ingress"][0]["from"]]
    assert peers == ["web", "api", "web-canary", "api-canary"]


def images_of(release: Release) -> dict[str, str]:
    there = documents_of(release, release.plan.full)
    return {
        name: there["Deployment", f"{name}-canary"]["spec"]["template"]["spec"]["containers"][0]["image"]
        for name in NAMES
    }


def test_a_tag_is_that_of_every_deployment(case: Path) -> None:
    changed(case, "canary.yaml", LIST, BARE)
    release = release_of(case, "spec.canary.tag=v9")
    assert images_of(release) == {name: f"registry.example.com/{name}:v9" for name in NAMES}


def test_images_go_where_their_container_is_and_the_entry_has_the_last_word(case: Path) -> None:
    changed(case, "canary.yaml", "        images: {search: registry.example.com/search:v7}\n", "")
    release = release_of(case, "spec.canary.images={search: registry.example.com/search:v8, web: x:1}")
    assert images_of(release)["search"] == "registry.example.com/search:v8"
    assert images_of(release)["web"] == "registry.example.com/web:v2"


def test_without_images_no_release_is_under_way(case: Path) -> None:
    changed(case, "canary.yaml", LIST, BARE)
    changed(case, "canary.yaml", "  phase: 10%\n", "")
    assert not release_of(case).plan.application.has_release


REFUSED = [
    ("        service: api\n", "        service: web\n", "canary.yaml:13:18: spec.adopt.deployment[1].service: Service `web` selects other pods than those of Deployment api"),
    ("      - name: search\n", "      - name: serach\n", "spec.adopt.deployment[2].name: no Deployment `serach` in the manifests; did you mean `search`?"),
    ("      - name: search\n", "      - name: web\n", "spec.adopt.deployment[2].name: `web` stands twice in the list"),
    ("images: {web: ", "images: {wbe: ", "spec.adopt.deployment[0].images.wbe: no container `wbe`; did you mean `web`?"),
    ("    from: k8s/\n", "    from: k8s/\n    service: web\n", "spec.adopt.service: each of several Deployments has a Service of its own"),
    ("  phases:", "  canary: {image: registry.example.com/web:v3}\n  phases:", "spec.canary.image: of which Deployment? There are `web`, `api`, `search`"),
    ("  phases:", "  canary: {pod: {priorityClassName: high}}\n  phases:", "spec.canary.pod: of which Deployment?"),
    ("  phases:", "  canary: {images: {wbe: x:1}}\n  phases:", "spec.canary.images.wbe: no container `wbe`; did you mean `web`?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), REFUSED)
def test_what_cannot_be_is_said_at_its_place(
    canary: Canary, case: Path, old: str, new: str, message: str
) -> None:
    changed(case, "canary.yaml", old, new)
    result = canary("render", "-f", case / "canary.yaml")
    assert (1, "") == (result.code, result.out)
    assert message in result.err


def test_of_several_services_the_one_of_the_name_is_meant(canary: Canary, case: Path) -> None:
    inner = "apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: store}\nspec: {selector: {app: api}, ports: [{port: 80}]}\n"
    (case / "k8s/a.yaml").write_text(inner % "api-inner")
    changed(case, "canary.yaml", "        service: api\n", "")
    result = canary("render", "-f", case / "canary.yaml")
    assert "which Service of Deployment api? There are `api-inner`, `api`; write service: api\n" in result.err
    changed(
        case,
        "k8s/api.yaml",
        "metadata: {name: api, namespace: store}\nspec:\n  selector",
        "metadata: {name: other, namespace: store}\nspec:\n  selector",
    )
    result = canary("render", "-f", case / "canary.yaml")
    assert "There are `api-inner`, `other`; write service: api-inner\n" in result.err


def test_a_warning_names_its_deployment(canary: Canary, case: Path) -> None:
    changed(case, "k8s/api.yaml", "  replicas: 10\n", "")
    changed(case, "k8s/web.yaml", "containerPort: 8080", "containerPort: 8080, hostPort: 8080")
    warned = canary("render", "-f", case / "canary.yaml").err
    assert "warning: spec: Deployment api: no `replicas`, and nothing in the manifests scales it" in warned
    assert "Deployment web: hostPort 8080: a node has it once" in warned


def test_a_lack_of_pods_names_whose_it_is(canary: Canary, case: Path) -> None:
    changed(case, "canary.yaml", "  phase: 10%\n", "  phase: 10%\n  canary: {replicas: 4}\n")
    warned = canary("render", "-f", case / "canary.yaml").err
    assert "`100%` runs 4 pods of `api-canary`; the share needs 10" in warned
    assert "of `web-canary`" not in warned


def test_a_service_in_front_of_two_is_refused(canary: Canary, case: Path) -> None:
    changed(case, "k8s/web.yaml", "selector: {app: web}", "selector: {app.kubernetes.io/part-of: store}")
    changed(case, "canary.yaml", "service: api", "service: web")
    changed(case, "canary.yaml", "      - name: search\n", "      - name: search\n        service: search\n")
    result = canary("render", "-f", case / "canary.yaml")
    assert "spec.adopt.deployment[1].name: Service web is in front of Deployments web and api" in result.err


def test_a_container_that_several_have_is_not_guessed(canary: Canary, case: Path) -> None:
    changed(case, "k8s/web.yaml", "- name: web\n          image", "- name: app\n          image")
    changed(case, "k8s/api.yaml", "- name: api\n          image", "- name: app\n          image")
    changed(case, "canary.yaml", LIST, BARE)
    result = canary("render", "-f", case / "canary.yaml", "--set", "spec.canary.images={app: x:1}")
    assert "spec.canary.images.app: several Deployments have a container `app`" in result.err


def test_a_service_that_no_rule_sends_to_is_said(canary: Canary, case: Path) -> None:
    changed(
        case, "k8s/route.yaml", "backendRefs: [{name: web, port: 80}]", "backendRefs: [{name: old, port: 80}]"
    )
    result = canary("render", "-f", case / "canary.yaml")
    assert "sends to Service web;" in result.err
    assert "sends to Service api" not in result.err


def test_a_port_that_goes_is_said_whichever_it_is(canary: Canary, case: Path) -> None:
    shutil.copytree(case / "k8s", case / "old")
    beside_from(case, "    stable: old/")
    changed(case, "k8s/api.yaml", "    - {name: admin, port: 9000, targetPort: 8080}\n", "")
    result = canary("render", "-f", case / "canary.yaml")
    assert "Service api has no port 9000 in `from`, and the route sends to that" in result.err


def test_after_promotion_the_images_are_to_go_into_the_manifests(canary: Canary, case: Path) -> None:
    said = canary("plan", "-f", case / "canary.yaml").out
    parts = ", ".join(f"spec.adopt.deployment[{number}].images" for number in range(3))
    assert (
        f"write what {parts} says into the Deployments in k8s/,\ntake {parts} and spec.phase out of" in said
    )


def test_a_configuration_of_one_is_judged_by_those_who_read_it(canary: Canary, case: Path) -> None:
    """api-settings differs and api rolls; that search stays as it is does not matter."""
    shutil.copytree(case / "k8s", case / "old")
    beside_from(case, "    stable: old/\n    perTrack: [api-settings]")
    changed(case, "canary.yaml", "        images: {search: registry.example.com/search:v7}\n", "")
    changed(case, "k8s/api.yaml", "LOG_LEVEL: info", "LOG_LEVEL: debug")
    assert canary("render", "-f", case / "canary.yaml").code == 0
    changed(
        case,
        "canary.yaml",
        "        images: {api: registry.example.com/api:v2, migrate: registry.example.com/api:v2}\n",
        "",
    )
    refused = canary("render", "-f", case / "canary.yaml")
    assert "ConfigMap api-settings differs and the pods do not" in refused.err


def test_a_deployment_that_stays_as_it_is_is_not_said_to_roll(canary: Canary, case: Path) -> None:
    changed(case, "canary.yaml", "        images: {search: registry.example.com/search:v7}\n", "")
    said = canary("plan", "-f", case / "canary.yaml").out
    assert "Deployment web → v2" in said
    assert "Deployment search →" not in said


def test_a_phase_in_place_is_that_phase(case: Path) -> None:
    before, release = files_of(case), release_of(case)
    for name in names_of(case):
        jump(case, name)
        wanted = adoption.documents(release.plan.application, release.plan.find(name))
        found = {
            adoption.key_of(document.value, "store"): document.value
            for path in sorted((case / "k8s").iterdir())
            for document in yamltext.read(path.read_text(), path.name)
        }
        assert identical(found, {document.part.key: document.value for document in wanted}), name
    jump(case, "rolled-back")
    assert files_of(case) == before


def test_rules_that_send_elsewhere_are_the_same_in_every_phase(case: Path) -> None:
    """Here they are governed by another team."""
    beside_from(case, "    routes: [{name: store, rules: [pages, api, search]}]")
    release = release_of(case)
    admin = rules_of(release, "before")["admin"]
    assert all(rules_of(release, phase.name)["admin"] == admin for phase in every_phase(release))


def test_a_patch_between_any_two_neighbours_leads_there(canary: Canary) -> None:
    names = [phase.name for phase in release_of(CASE).plan.phases]
    for start, to in itertools.pairwise(names):
        result = canary("patch", "-f", CASE / "canary.yaml", "--from", start, "--to", to)
        assert result.code == 0, (start, to, result.err)


def test_a_list_of_one_has_images_of_its_own(case: Path) -> None:
    only = "    deployment: [{name: web, images: {web: registry.example.com/web:v9}}]\n"
    changed(case, "canary.yaml", LIST, only)
    there = documents_of(release := release_of(case), release.plan.full)["Deployment", "web-canary"]
    assert there["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.com/web:v9"


def test_images_say_more_than_the_tag_of_all(case: Path) -> None:
    """Api has two containers, of which a tag could not say which it means."""
    changed(
        case,
        "k8s/api.yaml",
        "      containers:\n",
        "      containers:\n        - {name: proxy, image: x:1}\n",
    )
    release = release_of(case, "spec.canary.tag=v9")
    there = documents_of(release, release.plan.full)["Deployment", "api-canary"]
    images = [one["image"] for one in there["spec"]["template"]["spec"]["containers"]]
    assert images == ["x:1", "registry.example.com/api:v2"]


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("[web, api]", "spec.adopt.deployment[0]: found `web` (a string), expected a mapping"),
        ("[{}]", "spec.adopt.deployment[0].name: missing"),
        ("[null]", "spec.adopt.deployment[0]: "),
    ],
)
def test_other_shapes_of_the_list_are_said_at_their_place(
    canary: Canary, case: Path, listed: str, message: str
) -> None:
    changed(case, "canary.yaml", LIST, f"    deployment: {listed}\n")
    result = canary("render", "-f", case / "canary.yaml")
    assert (1, "") == (result.code, result.out)
    assert message in result.err


def test_routes_that_leave_a_deployment_out_are_said_where_they_are_named(canary: Canary, case: Path) -> None:
    beside_from(case, "    routes: [{name: store, rules: [pages]}]")
    result = canary("render", "-f", case / "canary.yaml")
    assert "spec.adopt.routes: none of these rules sends to Service api; name a rule that does" in result.err
    assert "routes of other kinds" not in result.err


def test_labels_of_other_pods_are_not_the_canarys(canary: Canary, case: Path) -> None:
    labels = "{app: web-canary, app.kubernetes.io/part-of: store}"
    changed(case, "k8s/search.yaml", "{app: search, app.kubernetes.io/part-of: store}", labels)
    changed(case, "k8s/search.yaml", "selector: {app: search}", "selector: {app: web-canary}")
    result = canary("render", "-f", case / "canary.yaml")
    assert (1, "") == (result.code, result.out)
    assert "those of Deployment store/search have that too" in result.err


def test_one_selector_cannot_follow_two_labels(canary: Canary, case: Path) -> None:
    """Web differs in its label `app`, and api in `unit`: no list of expressions says either or."""
    changed(case, "k8s/api.yaml", "labels: {app: api,", "labels: {unit: api, app: web,")
    changed(case, "k8s/api.yaml", "matchLabels: {app: api,", "matchLabels: {unit: api,")
    changed(case, "k8s/api.yaml", "selector: {app: api}", "selector: {unit: api}")
    changed(case, "k8s/web.yaml", "labels: {app: web,", "labels: {unit: web, app: web,")
    changed(case, "k8s/web.yaml", "selector: {app: web}", "selector: {app: web, unit: web}")
    changed(
        case,
        "k8s/guards.yaml",
        "    matchLabels: {app: api}",
        "    matchLabels: {app: web}\n    matchExpressions: [{key: unit, operator: In, values: [web, api]}]",
    )
    result = canary("render", "-f", case / "canary.yaml")
    assert (1, "") == (result.code, result.out)
    assert (
        "PodDisruptionBudget store/api selects the pods of web and api, and their canaries differ in"
        in result.err
    )


REST = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-rest, namespace: store}
spec:
  podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web, api, search]}]}
  policyTypes: [Ingress]
"""


def test_a_policy_for_all_pods_but_stables_is_refused(canary: Canary, case: Path) -> None:
    guards = case / "k8s/guards.yaml"
    guards.write_text(guards.read_text() + REST)
    result = canary("render", "-f", case / "canary.yaml")
    assert (1, "") == (result.code, result.out)
    assert (
        "NetworkPolicy deny-rest leaves stable's pods out, and holds for the canary's; leave out app: web-canary too"
        in result.err
    )
    guards.write_text(
        guards.read_text().replace("search]}]", "search, web-canary, api-canary, search-canary]}]")
    )
    assert canary("render", "-f", case / "canary.yaml").code == 0


WORKER = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker, namespace: store}
spec:
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      containers: [{name: w, image: w:1, envFrom: [{configMapRef: {name: api-settings}}]}]
"""


def test_who_else_reads_a_changing_config_map_is_said(canary: Canary, case: Path) -> None:
    (case / "k8s/worker.yaml").write_text(WORKER)
    shutil.copytree(case / "k8s", case / "old")
    beside_from(case, "    stable: old/\n    perTrack: [api-settings]")
    changed(case, "k8s/api.yaml", "LOG_LEVEL: info", "LOG_LEVEL: debug")
    result = canary("render", "-f", case / "canary.yaml")
    assert result.code == 0
    assert (
        "k8s/worker.yaml:9:5: warning: spec.template.spec: Deployment worker reads ConfigMap api-settings too"
        in result.err
    )


def a_guard(name: str, action: str, app: str) -> str:
    selector = f"selector: {{matchLabels: {{app: {app}, app.kubernetes.io/part-of: store}}}}"
    head = f"---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: store}}\n"
    return f"{head}spec: {{action: {action}, {selector}}}\n"


def test_each_policy_on_stables_pods_needs_one_of_its_own(canary: Canary, case: Path) -> None:
    guards = case / "k8s/guards.yaml"
    both = a_guard("web-allow", "ALLOW", "web") + a_guard("web-deny", "DENY", "web")
    guards.write_text(guards.read_text() + both + a_guard("web-allow-c", "ALLOW", "web-canary"))
    result = canary("render", "-f", case / "canary.yaml")
    assert (1, "") == (result.code, result.out)
    assert (
        "AuthorizationPolicy web-deny selects stable's pods by their label, and misses the canary's"
        in result.err
    )
    assert "put one for app: web-canary, app.kubernetes.io/part-of: store beside it" in result.err
    guards.write_text(guards.read_text() + a_guard("web-deny-c", "DENY", "web-canary"))
    assert canary("render", "-f", case / "canary.yaml").code == 0
