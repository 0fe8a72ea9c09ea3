"""The user's own manifests: what is theirs stays theirs in every phase, and the canary never catches stable's pods."""

from __future__ import annotations

import copy
import itertools
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from conftest import run_here
from hypothesis import given
from hypothesis import strategies as st

from kubectl_canary.api.equality import same
from kubectl_canary.commands import inputs
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.adopted import hazards
from kubectl_canary.reading.release import Release
from kubectl_canary.release import adoption, changes
from kubectl_canary.release.documents import Document
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned

CASES = Path(__file__).parent / "cases"
OURS = "kubectl-canary/"


def release_of(folder: Path, *settings: str) -> Release:
    return inputs.load([str(folder / "canary.yaml")], settings)


def documents_of(release: Release, phase: Phase) -> dict[tuple[str, str], dict[str, Any]]:
    rendered = Generator().render(planned(release.plan.application, phase))
    return {(document.part.kind, document.part.name): document.value for document in rendered}


def every_phase(release: Release) -> Iterator[Phase]:
    yield from (*release.plan.phases, *release.plan.ways_back())


@pytest.fixture(params=["adopt-shop", "adopt-sets", "adopt-helm", "adopt-routes"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASES / request.param, tmp_path / "case"))


def test_before_is_what_the_user_wrote_to_the_letter(tmp_path: Path) -> None:
    done = run_here("render", "-f", str(CASES / "adopt-shop/canary.yaml"), "--phase", "before")
    files = sorted((CASES / "adopt-shop/k8s").iterdir())
    assert done.out == "---\n".join(file.read_text() for file in files)


def test_promoted_is_the_new_set_with_all_that_is_in_it(tmp_path: Path) -> None:
    done = run_here("render", "-f", str(CASES / "adopt-sets/canary.yaml"), "--phase", "promoted")
    printed = [document.value for document in yamltext.read(done.out, "printed")]
    wrote = [
        item
        for file in sorted((CASES / "adopt-sets/new").iterdir())
        for document in yamltext.read(file.read_text(), file.name)
        for item in document.value.get("items", [document.value])
    ]
    assert len(printed) == len(wrote)
    assert all(map(same, printed, wrote))


def test_what_is_the_users_stays_as_it_is_until_promotion(case: Path) -> None:
    release = release_of(case)
    before = documents_of(release, release.plan.phases[0])
    for phase in every_phase(release):
        if phase.kind is PhaseKind.PROMOTED or phase.stable_version.value == "new":
            continue
        there = documents_of(release, phase)
        for key, value in before.items():
            if key[0] == "HorizontalPodAutoscaler":
                value = {**value, "spec": {**value["spec"], "behavior": there[key]["spec"].get("behavior")}}
                kept = {**there[key], "spec": {**there[key]["spec"], "behavior": value["spec"]["behavior"]}}
                assert same(kept, value)
            elif key[0] != "HTTPRoute":
                assert same(there[key], value), (phase.name, key)


def test_rules_of_others_are_the_same_in_every_phase(case: Path) -> None:
    release = release_of(case)
    governed = {rule.rule for rule in release.plan.application.governed if rule.route == "storefront"}
    rules = documents_of(release, release.plan.phases[0])["HTTPRoute", "storefront"]["spec"]["rules"]
    foreign = [rule for number, rule in enumerate(rules) if not {number, rule.get("name")} & governed]
    assert foreign
    for phase in every_phase(release):
        there = documents_of(release, phase)["HTTPRoute", "storefront"]["spec"]["rules"]
        assert [rule for rule in there if rule in foreign] == foreign, phase.name


def test_the_route_is_the_users_where_no_phase_shapes_it(case: Path) -> None:
    release = release_of(case)
    plan = release.plan
    before = documents_of(release, plan.phases[0])["HTTPRoute", "storefront"]
    quiet = [
        phase
        for phase in every_phase(release)
        if phase.kind.value in ("deploy", "promote-return", "rollback")
    ]
    assert len(quiet) > 4
    for phase in quiet:
        assert documents_of(release, phase)["HTTPRoute", "storefront"] == before, phase.name


def test_neither_side_selects_the_others_pods(case: Path) -> None:
    release = release_of(case)
    there = documents_of(release, release.plan.full)
    pods = {
        name: there["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        for name in ("shop", "shop-canary")
    }
    for name, other in (("shop", "shop-canary"), ("shop-canary", "shop")):
        for selector in (
            there["Service", name]["spec"]["selector"],
            there["Deployment", name]["spec"]["selector"]["matchLabels"],
        ):
            assert selector.items() <= pods[name].items()
            assert not selector.items() <= pods[other].items()


def test_the_canary_is_a_copy_but_for_its_name_labels_and_pods(case: Path) -> None:
    release = release_of(case)
    application = release.plan.application
    assert application.adopted is not None
    new = next(
        one.value
        for one in application.adopted.new
        if (one.value["kind"], one.value["metadata"]["name"]) == ("Deployment", "shop")
    )
    copied = documents_of(release, release.plan.full)["Deployment", "shop-canary"]
    text = yamltext.block(copied, 0)
    for key, value in application.workloads[0].track.items():
        text = text.replace(f"{key}: {value}", f"{key}: {value.removesuffix('-canary')}")
    for name in ("shop", *application.adopted.per_track):
        text = text.replace(f"name: {name}-canary", f"name: {name}")
    back = yamltext.read(text, "text")[0].value
    wanted = copy.deepcopy(new)
    annotations = wanted["metadata"].pop("annotations", {})
    annotations.pop("deployment.kubernetes.io/revision", None)
    wanted["metadata"] |= {"annotations": annotations} if annotations else {}
    wanted["spec"]["replicas"] = back["spec"]["replicas"] = 0
    assert same(back, wanted)


def test_a_service_takes_nothing_along_that_only_one_can_have(case: Path) -> None:
    release = release_of(case)
    service = documents_of(release, release.plan.full)["Service", "shop-canary"]
    assert "type" not in service["spec"]
    assert all("nodePort" not in port for port in service["spec"]["ports"])
    assert service["spec"].get("clusterIP", "None") == "None"
    assert "annotations" not in service["metadata"]


def test_nothing_of_ours_is_left_at_the_end(case: Path) -> None:
    release = release_of(case)
    for phase in (release.plan.phases[-1], release.plan.find("rolled-back")):
        rendered = Generator().render(planned(release.plan.application, phase))
        assert OURS not in "".join(document.text for document in rendered)
        assert not [document for document in rendered if document.part.name.endswith("-canary")]


def test_a_stream_has_what_changes_and_what_is_new(case: Path) -> None:
    names = {
        phase: {
            f"{document.value['kind']} {document.value['metadata']['name']}"
            for document in yamltext.read(
                run_here("render", "-f", str(case / "canary.yaml"), "--phase", phase).out, phase
            )
        }
        for phase in ("deploy", "100%", "promote-roll", "rolled-back")
    }
    assert "Deployment shop" not in names["deploy"] | names["100%"]
    assert "Service shop" not in names["deploy"] | names["100%"]
    assert {"Deployment shop-canary", "Service shop-canary", "HTTPRoute storefront"} <= names["deploy"]
    assert {"Deployment shop", "HTTPRoute storefront"} <= names["promote-roll"] & names["rolled-back"]
    everything = run_here("render", "-f", str(case / "canary.yaml"), "--phase", "100%", "--everything").out
    assert re.search(
        r"^kind: Deployment\nmetadata:\n(  namespace: store\n)?  name: shop\n", everything, re.MULTILINE
    )


def test_applying_a_stream_over_another_gives_the_phase(case: Path) -> None:
    release = release_of(case)
    plan, application = release.plan, release.plan.application
    state = documents_of(release, plan.phases[0])
    for start, phase in zip(plan.phases, plan.phases[1:], strict=False):
        keys = adoption.printed(plan, phase)
        there = Generator().render(planned(application, phase))
        state |= {
            (one.part.kind, one.part.name): one.value for one in there if keys is None or one.part.key in keys
        }
        gone = {(one.part.kind, one.part.name) for one in planned(application, start)}
        gone -= {(one.part.kind, one.part.name) for one in there}
        state = {key: value for key, value in state.items() if key not in gone}
        assert state == documents_of(release, phase), phase.name


# --- what is refused ----------------------------------------------------------------


def changed(folder: Path, name: str, old: str, new: str) -> None:
    file = folder / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


SHOP = CASES / "adopt-shop"
REFUSED = [
    ("canary.yaml", "from: k8s/", "from: k8s/\n    deployment: shpo", "no Deployment `shpo` in the manifests; did you mean `shop`?"),
    ("canary.yaml", "from: k8s/", "from: k8s/\n    service: web", "no Service `web` in the manifests; there are `shop`"),
    ("canary.yaml", "from: k8s/", "from: k8s/\n    routes: [{name: storefrnt}]", "no HTTPRoute, GRPCRoute, TLSRoute or TCPRoute `storefrnt` in the manifests; did you mean `storefront`?"),
    ("canary.yaml", "from: k8s/", "from: k8s/\n    routes: [{name: storefront, rules: [aip]}]", "HTTPRoute storefront has no rule of the name `aip`; did you mean `api`?"),
    ("canary.yaml", "from: k8s/", "from: k8s/\n    routes: [{name: storefront, rules: [3]}]", "HTTPRoute storefront has the rules 0 to 2"),
    ("canary.yaml", "from: k8s/", "from: k8s/\n    routes: [{name: storefront, rules: [2]}]", "rule 2 of HTTPRoute storefront does not send to Service shop"),
    ("canary.yaml", "from: k8s/", "from: k8s/\n    trackLabel: tier", "do not share `tier`; they share `app`"),
    ("canary.yaml", "from: k8s/", "from: k8s/\n    perTrack: [shop-confg]", "no ConfigMap `shop-confg` in the manifests; did you mean `shop-config`?"),
    ("canary.yaml", "  canary: {tag: v2}", "  image: shop\n  canary: {tag: v2}", "the manifests that `adopt` names say this; leave it out"),
    ("canary.yaml", "{tag: v2}", "{images: {wbe: shop:v2}}", "no container `wbe`; did you mean `web`?"),
    ("canary.yaml", "name: shop", "name: shop\n  namespace: other", "`other`, and Deployment store/shop says `store`"),
    ("k8s/app.yaml", "      - name: web\n", "      - {name: proxy, image: 'proxy:1'}\n      - name: web\n", "Deployment shop has 2 containers: `proxy`, `web`"),
    ("k8s/app.yaml", "kind: Deployment", "kind: StatefulSet", "StatefulSet `shop` cannot be released by shares"),
    ("k8s/app.yaml", "  selector: {app: shop}\n  ports", "  selector: {app: cart}\n  ports", "no Service selects the pods of Deployment shop"),
    ("k8s/app.yaml", "  replicas: 8", "  paused: true\n  replicas: 8", "Deployment `shop` is paused"),
    ("k8s/route.yaml", "value: /old}\n", "value: /old}\n      headers: [{name: X-Canary, value: a}]\n", "rule 1 of HTTPRoute storefront matches the testers' header `x-canary` already"),
    ("k8s/route.yaml", "kind: HTTPRoute", "kind: UDPRoute", "no rule of an HTTPRoute, GRPCRoute, TLSRoute or TCPRoute sends to Service shop"),
    ("k8s/route.yaml", "apiVersion: gateway", "{apiVersion: v1, kind: ConfigMap, metadata: {name: shop-config, namespace: store}}\n---\napiVersion: gateway", "ConfigMap store/shop-config stands twice"),
    ("k8s/route.yaml", "    - name: shop\n      port: 80\n", "    - name: shop\n      port: 81\n", "Service shop has no port 81 in `from`, and the route sends to that"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "message"), REFUSED)
def test_what_cannot_be_adopted_is_said(file: str, old: str, new: str, message: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    changed(folder, file, old, new)
    done = run_here("render", "-f", str(folder / "canary.yaml"))
    assert done.code == 1
    assert done.out == ""
    assert message in done.err
    assert f"{folder}/canary.yaml:" in done.err


def test_a_config_map_of_the_same_name_must_not_change_under_stable(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(CASES / "adopt-sets", tmp_path / "case"))
    changed(folder, "canary.yaml", "    perTrack: [shop-flags]\n", "")
    done = run_here("render", "-f", str(folder / "canary.yaml"))
    assert (done.code, done.out) == (1, "")
    assert (
        "ConfigMap shop-flags has other content than what runs, and both versions would read it" in done.err
    )
    assert "perTrack: [shop-flags]" in done.err


def test_a_refusal_of_the_server_points_into_the_users_file(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    changed(folder, "k8s/app.yaml", "containerPort: 8080", "containerPort: 808080")
    done = run_here("render", "-f", str(folder / "canary.yaml"))
    assert (done.code, done.out) == (1, "")
    assert f"{folder}/k8s/app.yaml:19:" in done.err


# --- drawn routes ---------------------------------------------------------------------

WEIGHTS = st.one_of(st.none(), st.integers(1, 300))


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rules of a route, some of which send to the Service `shop`, alone or beside others."""
    drawn: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 5))):
        names = draw(
            st.lists(st.sampled_from(["shop", "legacy", "docs"]), min_size=1, max_size=3, unique=True)
        )
        refs = []
        for name in names:
            weight = draw(WEIGHTS)
            refs.append({"name": name, "port": 80, **({"weight": weight} if weight is not None else {})})
        name = draw(st.one_of(st.none(), st.just(f"rule-{number}")))
        matches = [{"path": {"type": "PathPrefix", "value": f"/{number}"}}]
        drawn.append({**({"name": name} if name else {}), "matches": matches, "backendRefs": refs})
    if not any(ref["name"] == "shop" for rule in drawn for ref in rule["backendRefs"]):
        drawn[0]["backendRefs"].append({"name": "shop", "port": 80})
    return drawn


@given(st.lists(rules(), min_size=1, max_size=3))
def test_each_share_is_exact_and_others_keep_theirs(drawn: list[list[dict[str, Any]]]) -> None:
    release = adopted(*drawn)
    for phase in release.plan.phases[:-1]:
        routes = [one for one in planned(release.plan.application, phase) if one.part.is_route]
        for route, wrote in zip(routes, drawn, strict=True):
            assert isinstance(route, Document)
            is_split_by(route.value, wrote, phase)


def is_split_by(route: dict[str, Any], wrote: list[dict[str, Any]], phase: Phase) -> None:
    """Each rule that the user wrote splits its part for the release as the phase does, and is else the same."""
    added = route["metadata"].get("annotations", {}).get("kubectl-canary/rules.shop", "")
    kept = [rule for rule in route["spec"]["rules"] if rule.get("name") not in added.split(",")]
    names = [rule["name"] for rule in route["spec"]["rules"] if "name" in rule]
    assert len(set(names)) == len(names)
    assert len(kept) == len(wrote)
    for rule, user in zip(kept, wrote, strict=True):
        now, was = shares_of(rule), shares_of(user)
        ours = was.pop("shop", Fraction(0))
        canary, stable = now.pop("shop-canary", Fraction(0)), now.pop("shop", Fraction(0))
        assert now == was
        assert (stable, canary) == (ours * (1 - phase.traffic.share), ours * phase.traffic.share)


def shares_of(rule: dict[str, Any]) -> dict[str, Fraction]:
    refs = rule["backendRefs"]
    total = sum(ref.get("weight", 1) for ref in refs)
    return {ref["name"]: Fraction(ref.get("weight", 1), total) for ref in refs}


def adopted(
    *drawn: list[dict[str, Any]],
    phases: str = "[header-only, 10%, 50%, 100%]",
    kind: str = "HTTPRoute",
    said: str = "",
    adopt: str = "",
    specs: Sequence[dict[str, Any]] = (),
) -> Release:
    """A release of a shop whose routes have these rules; `said` stands in its spec, `adopt` in what it adopts.

    `specs` has what else each route's spec says.
    """
    from kubectl_canary.reading import manifests, release, sources
    from kubectl_canary.reading.adopted.file import Sets

    text = (SHOP / "k8s/app.yaml").read_text()
    for number, (rules_of_route, more) in enumerate(itertools.zip_longest(drawn, specs, fillvalue={})):
        route = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": f"storefront-{number}", "namespace": "store"},
            "spec": {"parentRefs": [{"name": "edge"}], "rules": rules_of_route, **more},
        }
        text += "---\n" + yamltext.block(route, 0) + "\n"
    file = (SHOP / "canary.yaml").read_text().replace("[header-only, 10%, 50%, 100%]", phases)
    file = file.replace("  adopt:\n", f"{said}  adopt:\n{adopt}")
    read = manifests.read("set", text)
    source = sources.layered([sources.document("canary.yaml", file)])
    return release.read(source, None, lambda _: Sets(read, read))


# --- where sets come from ---------------------------------------------------------------


def committed(folder: Path) -> Path:
    """The shop in a repository, whose first version has the tag v41, and the second in the working tree."""
    copied = Path(shutil.copytree(SHOP, folder / "shop"))
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "v1"), ("tag", "v41")):
        subprocess.run(["git", *who, *words], cwd=copied, check=True)
    changed(copied, "k8s/app.yaml", "shop:v1", "shop:v2")
    changed(copied, "canary.yaml", "from: k8s/", "from: k8s/\n    stable: git:v41")
    changed(copied, "canary.yaml", "  canary: {tag: v2}\n", "")
    return copied


def test_what_runs_may_be_a_tag(tmp_path: Path) -> None:
    release = release_of(committed(tmp_path))
    application = release.plan.application
    assert [workload.old.image[-2:] for workload in application.workloads] == ["v1"]
    assert application.has_release
    images = {
        phase.name: documents_of(release, phase)["Deployment", "shop"]["spec"]["template"]["spec"][
            "containers"
        ][0]["image"]
        for phase in every_phase(release)
    }
    assert {name for name, image in images.items() if image.endswith(":v2")} == {
        "promote-roll", "promote-return", "promoted"
    }  # fmt: skip


def test_what_cannot_be_read_is_said_at_its_place(tmp_path: Path) -> None:
    folder = committed(tmp_path)
    changed(folder, "canary.yaml", "git:v41", "git:main")
    done = run_here("plan", "-f", str(folder / "canary.yaml"))
    assert done.out == ""
    assert f"{folder}/canary.yaml:8:13: git:main: main is neither a tag nor a full commit" in done.err
    assert "write `git:" in done.err


def test_between_releases_there_is_what_runs_alone(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    changed(folder, "canary.yaml", "  canary: {tag: v2}\n", "")
    changed(folder, "canary.yaml", "  phase: 10%\n", "")
    done = run_here("render", "-f", str(folder / "canary.yaml"))
    assert done.out == "---\n".join(file.read_text() for file in sorted((SHOP / "k8s").iterdir()))


def test_manifests_without_a_namespace_get_the_releases_and_keep_their_text(tmp_path: Path) -> None:
    example = Path(__file__).parent.parent / "examples/shop"
    before = run_here("render", "-f", str(example / "canary.yaml"), "--phase", "before").out
    placed = run_here("render", "-f", str(example / "canary.yaml"), "--phase", "before", "-n", "store").out
    documents = [document.value for document in yamltext.read(placed, "placed")]
    assert {document["metadata"].get("namespace") for document in documents} == {"store"}
    kept = placed.replace('"namespace": "store", ', "").replace("  namespace: store\n", "")
    assert kept == before


def test_two_objects_of_one_name_have_a_file_each(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    other = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-config, namespace: other}\n"
    (folder / "k8s/other.yaml").write_text(other)
    done = run_here("render", "-f", str(folder / "canary.yaml"), "--all", "-o", f"dir={tmp_path}/out")
    assert done.code == 0, done.err
    files = [file.name for file in (tmp_path / "out/current").iterdir() if "configmap" in file.name]
    assert sorted(files) == [
        "05-configmap-shop-config-other-v1.yaml",
        "05-configmap-shop-config-store-v1.yaml",
    ]


def test_hooks_of_helm_are_left_out_and_said(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    hook = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: {helm.sh/hook: pre-upgrade}}\n"
    (folder / "k8s/hook.yaml").write_text(hook)
    done = run_here("render", "-f", str(folder / "canary.yaml"), "--phase", "before")
    assert done.code == 0
    assert "migrate" not in done.out
    assert "left out, as hooks of Helm: Job migrate" in done.err


@pytest.mark.parametrize(
    ("testers", "message"),
    [
        ("{query: v}", "matches the testers' query parameter `v` already"),
        ("{cookie: canary}", "matches the testers' header `cookie` already"),
    ],
)
def test_what_testers_send_must_be_theirs_alone(testers: str, message: str, tmp_path: Path) -> None:
    case = Path(shutil.copytree(SHOP, tmp_path / "case"))
    own = "headers: [{name: Cookie, value: a}]\n      queryParams: [{name: v, value: a}]\n"
    changed(case, "k8s/route.yaml", "value: /old}\n", f"value: /old}}\n      {own}")
    done = run_here("render", "-f", case / "canary.yaml", "--set", f"spec.testers={testers}")
    assert (done.code, done.out) == (1, "")
    assert message in done.err


def test_what_is_not_copied_is_looked_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, looked = Path(shutil.copytree(SHOP, tmp_path / "case")), []
    role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: role-{number}}}\n"
    (folder / "k8s/roles.yaml").write_text("---\n".join(role.format(number=number) for number in range(50)))
    naming = hazards.naming
    monkeypatch.setattr(hazards, "naming", lambda *given: looked.append(given) or naming(*given))
    release_of(folder)
    assert 50 <= len(looked) <= 60


@pytest.mark.parametrize("spec", ["text", "[a]", "null", "{scaleTargetRef: shop, selector: a}"])
def test_kinds_of_others_have_any_shape(spec: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    (folder / "k8s/other.yaml").write_text(
        f"apiVersion: example.com/v1\nkind: Foo\nmetadata: {{name: foo}}\nspec: {spec}\n"
    )
    done = run_here("render", "-f", str(folder / "canary.yaml"), "--all", "-o", f"dir={tmp_path}/out")
    assert done.code == 0, done.err


SCALERS = [
    "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: shop, namespace: store}\nspec: {minReplicas: null, maxReplicas: 10, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}}\n",
    "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: shop, namespace: store}\nspec: {minReplicaCount: null, maxReplicaCount: null, scaleTargetRef: {name: shop}, triggers: []}\n",
]  # fmt: skip


@pytest.mark.parametrize("scaler", SCALERS)
def test_limits_of_a_scaler_that_are_null_are_its_defaults(scaler: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    changed(folder, "k8s/app.yaml", "  replicas: 8 # as many as we need\n", "")
    (folder / "k8s/scaler.yaml").write_text(scaler)
    release = release_of(folder)
    assert release.plan.application.workloads[0].autoscaling in (
        {"minReplicas": 1, "maxReplicas": 10},
        {"minReplicas": 1, "maxReplicas": 100},
    )
    for phase in every_phase(release):
        assert documents_of(release, phase)


@pytest.mark.parametrize(
    ("kind", "section", "followed"),
    [
        ("HTTPRoute", "api", ["api-canary-testers-shop"]),
        ("HTTPRoute", None, []),
        ("HTTPRoute", "None", []),
        ("Gateway", "api", []),
    ],
)
def test_a_policy_of_one_rule_alone_follows_its_clones(
    kind: str, section: str | None, followed: list[str], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    ref = {"group": "gateway.networking.k8s.io", "kind": kind, "name": "storefront"}
    refs = [{**ref, **({"sectionName": section} if section else {})}]
    policy = {"apiVersion": "example.com/v1", "kind": "Policy", "spec": {"targetRefs": refs}}
    metadata = {"name": "limits", "namespace": "store"}
    (folder / "k8s/policy.yaml").write_text(yamltext.block({**policy, "metadata": metadata}, 0) + "\n")
    release = release_of(folder)
    there = documents_of(release, release.plan.find("header-only"))
    copies = there.get(("Policy", "limits-canary"), {"spec": {"targetRefs": []}})
    assert [ref["sectionName"] for ref in copies["spec"]["targetRefs"]] == followed


@pytest.mark.parametrize("name", ["mesh", "storefront"])
def test_a_route_of_another_group_is_nobodys_route(name: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    route = {
        "apiVersion": "policy.linkerd.io/v1beta3",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "store"},
        "spec": {"rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]},
    }
    (folder / "k8s/mesh.yaml").write_text(yamltext.block(route, 0) + "\n")
    release = release_of(folder)
    assert release.plan.application.routes == (("HTTPRoute", "store", "storefront"),)
    for phase in every_phase(release):
        documents = adoption.documents(release.plan.application, phase)
        assert route in [document.value for document in documents]


def test_what_has_the_same_name_in_another_namespace_is_another(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    there = [document.value for document in yamltext.read((SHOP / "k8s/app.yaml").read_text(), "app.yaml")]
    staging = [{**one, "metadata": {**one["metadata"], "namespace": "staging"}} for one in there]
    for one in staging:
        if one["kind"] == "Service":
            one["spec"] = {**one["spec"], "ports": [{"port": 8080}]}
    text = "---\n".join(f"{yamltext.block(one, 0)}\n" for one in staging)
    (folder / "k8s/aaa.yaml").write_text(text)
    changed(folder, "canary.yaml", "  name: shop\n", "  name: shop\n  namespace: store\n")
    release = release_of(folder)
    alone = release_of(SHOP)
    for phase, other in zip(every_phase(release), every_phase(alone), strict=True):
        documents = [one.value for one in adoption.documents(release.plan.application, phase)]
        kept = [one for one in documents if one["metadata"].get("namespace") != "staging"]
        assert len(documents) - len(kept) == len(staging)
        assert len(kept) == len(adoption.documents(alone.plan.application, other))


def test_a_copy_has_nothing_of_the_originals_that_the_server_wrote(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    written = (
        "uid: a\n  resourceVersion: '1'\n  generation: 2\n  creationTimestamp: null\n  finalizers: [a.b/c]\n"
    )
    owner = "  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: b}]\n"
    changed(folder, "k8s/app.yaml", "  name: shop\n", f"  {written}{owner}  name: shop\n")
    release = release_of(folder)
    there = documents_of(release, release.plan.find("deploy"))
    assert there["Deployment", "shop"]["metadata"]["uid"] == "a"
    copied = there["Deployment", "shop-canary"]["metadata"]
    assert copied.keys() <= {"name", "namespace", "labels", "annotations"}


@pytest.mark.parametrize(
    ("selector", "namespace", "is_said"),
    [("{tier: web}", "store", True), ("{app: shop}", "store", False), ("{tier: web}", "other", False)],
)
def test_a_service_that_would_send_to_the_canary_from_the_start_is_said(
    selector: str, namespace: str, is_said: bool, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    changed(folder, "canary.yaml", "from: k8s/", "from: k8s/\n    service: shop")
    (folder / "k8s/all.yaml").write_text(
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: all, namespace: {namespace}}}\n"
        f"spec: {{selector: {selector}, ports: [{{port: 80}}]}}\n"
    )
    messages = [finding.message for finding in release_of(folder).warnings]
    assert any("Service all selects the canary's pods too" in message for message in messages) is is_said


def test_a_folder_says_that_the_new_set_has_moved_on(tmp_path: Path) -> None:
    """A release is the way to one set: what comes into that set later comes in the middle of it."""
    folder = Path(shutil.copytree(CASES / "adopt-sets", tmp_path / "case"))
    into = ("render", "-f", str(folder / "canary.yaml"), "--all", "-o", f"dir={tmp_path}/out")
    assert "moved on" not in run_here(*into).err
    assert "moved on" not in run_here(*into).err
    late = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: late, namespace: store}\ndata: {a: b}\n"
    (folder / "new/late.yaml").write_text(late)
    done = run_here(*into)
    assert done.code == 0
    said = "what the release brings beside its pods is another than rendered: `from` has moved on"
    assert f"canary.yaml:7:11: warning: spec.adopt.from: {said}" in done.err
    (folder / "new/late.yaml").unlink()
    assert "moved on" not in run_here(*into, "--set", "spec.phase=rollback from 12.5%").err


def test_policies_are_there_before_the_pods_and_budgets_after_them(tmp_path: Path) -> None:
    """Pods that nothing guards yet would be open to everybody for as long as a script takes."""
    folder = Path(shutil.copytree(SHOP, tmp_path / "case"))
    policy = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: shop, namespace: store}\n"
    )
    (folder / "k8s/policy.yaml").write_text(
        f"{policy}spec: {{podSelector: {{matchLabels: {{app: shop}}}}}}\n"
    )
    plan = release_of(folder).plan
    before, deploy = (adoption.documents(plan.application, phase) for phase in plan.phases[:2])
    order = ["Service", "NetworkPolicy", "Deployment", "PodDisruptionBudget"]
    for start, to, made in (
        (plan.phases[0], plan.phases[1], changes.changes(plan.application, *plan.phases[:2], before, deploy)),
        (
            plan.phases[1],
            plan.phases[0],
            changes.changes(plan.application, *plan.phases[1::-1], deploy, before),
        ),
    ):
        kinds = [change.part.kind for change in made]
        assert kinds == (order if start.kind is PhaseKind.BEFORE else order[::-1]), to.name
