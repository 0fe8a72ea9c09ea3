"""What a GitOps engine needs on the objects of a release, and nothing else; what it is told of the repository."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import test_plan
import yaml
from conftest import ROOT, Result
from releases import a_file, a_release
from test_git_verbs import FILE, Project, project
from test_moments import base, pod_of
from test_plan import GENERATOR

from kubectl_canary.commands import inputs
from kubectl_canary.errors import Refused
from kubectl_canary.reading.release import Release
from kubectl_canary.release import overlay
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering import objects

__all__ = ["project"]  # a fixture

ARGO_CD, FLUX = {"engine": "argocd"}, {"engine": "flux"}
WAVE, OPTIONS = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/sync-options"
FORWARD = ["header-only", "5%", "50%", "100%", "promote-roll"]
PROMOTION_BACK = ["rollback-promotion from promote-roll", "rollback-promotion from promote-return"]
ELSEWHERE = ["before", "deploy", "promote-return", "promoted", "rollback from 50%", "rolled-back"]


def rendered(plan: Plan, phase: str) -> dict[str, dict[str, Any]]:
    """The documents of a phase, by title."""
    items = objects.planned(plan.application, plan.find(phase))
    return {document.part.title: document.value for document in GENERATOR.render(items)}


def notes(plan: Plan, phase: str, key: str) -> dict[str, str]:
    """What the objects of a phase have under an annotation, for those that have it."""
    found = {
        title: value["metadata"].get("annotations", {}) for title, value in rendered(plan, phase).items()
    }
    return {title: annotations[key] for title, annotations in found.items() if key in annotations}


@pytest.mark.parametrize("phase", FORWARD)
def test_requests_move_a_wave_after_the_pods(phase: str) -> None:
    plan = a_release(gitops=ARGO_CD, testers={"header": "x-canary", "value": "true"})
    assert {"HTTPRoute shop-canary-route": "1"} == notes(plan, phase, WAVE)


@pytest.mark.parametrize("phase", PROMOTION_BACK)
def test_requests_go_back_to_the_canary_before_stable_is_rolled_back(phase: str) -> None:
    plan = a_release(gitops=ARGO_CD, testers={"header": "x-canary", "value": "true"})
    assert {"HTTPRoute shop-canary-route": "-1"} == notes(plan, phase, WAVE)


@pytest.mark.parametrize("phase", ELSEWHERE)
def test_where_no_request_reaches_the_canary_no_route_waits_for_pods(phase: str) -> None:
    plan = a_release(gitops=ARGO_CD, testers={"header": "x-canary", "value": "true"})
    assert {} == notes(plan, phase, WAVE)


def test_what_only_the_canary_has_is_pruned_last() -> None:
    scaler = {"autoscaling": {"minReplicas": 2, "maxReplicas": 20}}
    plan = a_release(gitops=ARGO_CD, **scaler)
    found = notes(plan, "50%", OPTIONS)
    canarys = {title for title in rendered(plan, "50%") if title.endswith("canary")}
    assert {"Deployment shop-canary", "Service shop-canary"} <= canarys
    assert dict.fromkeys(canarys, "PruneLast=true") == found


@pytest.mark.parametrize("phase", [*FORWARD, *PROMOTION_BACK, *ELSEWHERE])
def test_flux_needs_nothing(phase: str) -> None:
    testers = {"header": "x-canary", "value": "true"}
    with_flux, without = a_release(gitops=FLUX, testers=testers), a_release(testers=testers)
    assert rendered(without, phase) == rendered(with_flux, phase)
    assert ({}, {}) == (notes(with_flux, phase, WAVE), notes(with_flux, phase, OPTIONS))


def test_a_wave_of_all_objects_is_the_one_before_that_of_requests() -> None:
    made = test_plan.planned(
        a_file(gitops=ARGO_CD)
        | {"metadata": {"name": "shop", "namespace": "web", "annotations": {WAVE: "7"}}}
    )
    route = "HTTPRoute shop-canary-route"
    phases = ("before", "50%", "rollback from 50%", "rollback-promotion from promote-return")
    assert ["7", "8", "7", "6"] == [notes(made, phase, WAVE)[route] for phase in phases]
    assert "7" == notes(made, "50%", WAVE)["Deployment shop-canary"]


def test_what_the_file_says_of_all_objects_keeps_no_canary() -> None:
    annotations = {OPTIONS: "Prune=false,Validate=false"}
    made = test_plan.planned(
        a_file(gitops=ARGO_CD)
        | {"metadata": {"name": "shop", "namespace": "web", "annotations": annotations}}
    )
    found = notes(made, "50%", OPTIONS)
    assert "Validate=false,PruneLast=true" == found["Deployment shop-canary"]
    assert "Prune=false,Validate=false" == found["Deployment shop-stable"]


def test_a_wave_of_the_route_alone_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        a_release(gitops=ARGO_CD, route={"gateway": {"name": "gw"}, "annotations": {WAVE: "7"}})
    assert ("spec", "route", "annotations", WAVE) == refused.value.findings[0].path


# --- the user's own manifests -------------------------------------------------


@pytest.fixture
def adopted(tmp_path: Path) -> Callable[..., Release]:
    """A release of the user's manifests with these annotations on some of them."""

    def made(*, rules: int = 1, only: str = "", **annotations: dict[str, Any]) -> Release:
        for name, tag in (("old", "v1"), ("new", "v2")):
            documents = base()
            pod_of(documents)["containers"][0]["image"] = f"registry.example.com/shop:{tag}"
            spec = documents["route"]["spec"]
            spec["rules"] = (
                [
                    {**spec["rules"][0], "name": f"r{number}", "matches": [{"path": {"value": f"/{number}"}}]}
                    for number in range(rules)
                ]
                if rules > 1
                else spec["rules"]
            )
            for kind, own in annotations.items() if only in ("", name) else ():
                documents[kind]["metadata"]["annotations"] = own
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "all.yaml").write_text(yaml.safe_dump_all(documents.values()))
        spec = {
            "adopt": {"from": "new/", "stable": "old/"},
            "phases": ["header-only", "50%", "100%"],
            "testers": {"header": "x-canary", "value": "true"},
            "gitops": ARGO_CD,
        }
        head = {"apiVersion": "kubectl-canary/v1alpha1", "kind": "Canary", "metadata": {"name": "shop"}}
        (tmp_path / "canary.yaml").write_text(yaml.safe_dump({**head, "spec": spec}))
        return inputs.load([str(tmp_path / "canary.yaml")])

    return made


def test_requests_move_a_wave_after_the_users_own(adopted: Callable[..., Release]) -> None:
    plan = adopted(deployment={WAVE: "4"}).plan
    assert "5" == notes(plan, "50%", WAVE)["HTTPRoute shop"]
    assert "HTTPRoute shop" not in notes(plan, "rollback from 50%", WAVE)


@pytest.mark.parametrize("text", ["late", None, " 4", "1_0"])
def test_a_wave_that_is_no_number_is_none(adopted: Callable[..., Release], text: str | None) -> None:
    assert "1" == notes(adopted(deployment={WAVE: text}).plan, "50%", WAVE)["HTTPRoute shop"]


def test_helms_weight_is_a_wave(adopted: Callable[..., Release]) -> None:
    assert "4" == notes(adopted(deployment={"helm.sh/hook-weight": "3"}).plan, "50%", WAVE)["HTTPRoute shop"]


@pytest.mark.parametrize(("kind", "only"), [("service", ""), ("deployment", "new"), ("deployment", "old")])
def test_requests_wait_for_all_that_pods_need_of_either_version(
    adopted: Callable[..., Release], kind: str, only: str
) -> None:
    plan = adopted(only=only, **{kind: {WAVE: "5"}}).plan
    assert "6" == notes(plan, "50%", WAVE)["HTTPRoute shop"]
    assert "-1" == notes(plan, "rollback-promotion from promote-return", WAVE)["HTTPRoute shop"]


def test_a_route_beside_the_users_moves_with_it_and_is_no_last_thing(adopted: Callable[..., Release]) -> None:
    plan = adopted(rules=16).plan
    beside = "HTTPRoute shop-canary"
    assert beside in rendered(plan, "50%")
    assert {"1"} == {notes(plan, phase, WAVE)[beside] for phase in ("header-only", "50%", "100%")}
    for phase in ("rollback from header-only", "rollback from 50%", "rolled-back", "promote-return"):
        assert beside not in notes(plan, phase, WAVE)
    assert beside not in notes(plan, "50%", OPTIONS)
    own = adopted(rules=16, route={WAVE: "7"}).plan
    assert "7" == notes(own, "50%", WAVE)[beside]


def test_a_wave_of_the_users_route_stays_and_is_warned_of(adopted: Callable[..., Release]) -> None:
    release = adopted(route={WAVE: "3"})
    for phase in ("before", "50%", "rollback from 50%", "promoted"):
        assert "3" == notes(release.plan, phase, WAVE)["HTTPRoute shop"]
    warnings = [warning for warning in release.warnings if "wave" in warning.message]
    assert ["old", "new"] == [Path(warning.where.file).parent.name for warning in warnings]
    assert all(warning.message.startswith("Argo CD moves requests in wave 3") for warning in warnings)
    assert ["new"] == [
        Path(warning.where.file).parent.name
        for warning in adopted(only="new", route={WAVE: "3"}).warnings
        if "wave" in warning.message
    ]


def test_a_wave_that_another_release_has_given_a_route_is_not_the_users(
    adopted: Callable[..., Release],
) -> None:
    noted = {"kubectl-canary/phase.other": "50%", "kubectl-canary/rules.other": "", WAVE: "1"}
    release = adopted(route=noted)
    assert not [warning for warning in release.warnings if "wave" in warning.message]
    plan = release.plan
    live = rendered(plan, "50%")["HTTPRoute shop"]
    for phase in ("before", "50%", "rollback from 50%"):
        assert "1" == notes(plan, phase, WAVE)["HTTPRoute shop"]
        laid, _ = overlay.route(live, plan.application, plan.find(phase))
        assert "1" == laid["metadata"]["annotations"][WAVE]


def test_a_live_route_has_its_wave_as_long_as_requests_reach_the_canary(
    adopted: Callable[..., Release],
) -> None:
    plan = adopted().plan
    live = rendered(plan, "50%")["HTTPRoute shop"]
    laid, _ = overlay.route(live, plan.application, plan.find("rollback from 50%"))
    assert WAVE not in laid["metadata"]["annotations"]


def test_other_options_stay_but_those_that_keep(adopted: Callable[..., Release]) -> None:
    given = {
        OPTIONS: "ServerSideApply=true, Prune=confirm,Delete=false, PruneLast=true",
        "helm.sh/resource-policy": "keep",
        "meta.helm.sh/release-name": "shop",
        "argocd.argoproj.io/tracking-id": "x",
        "argocd.argoproj.io/hook": "PreSync",
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
    }
    plan = adopted(deployment=given).plan
    own = rendered(plan, "50%")["Deployment shop-canary"]["metadata"]["annotations"]
    assert {OPTIONS: "ServerSideApply=true,PruneLast=true"} == own
    assert given == rendered(plan, "50%")["Deployment shop"]["metadata"]["annotations"]


# --- what is printed ----------------------------------------------------------

URL = "https://git.example.com/shop.git"


@pytest.fixture
def follow(project: Callable[..., Project]) -> Callable[..., Project]:
    """A release that is rendered in a repository whose branch follows a remote."""

    def made(engine: str, url: str = URL, *, rendered: bool = True, file: str = FILE, **more: str) -> Project:
        text = file.replace("{name: shop}", "{name: shop, namespace: web}")
        there = project(f"{text}  gitops: {{engine: {engine}}}\n", **more)
        branch = there.git("symbolic-ref", "--short", "HEAD").strip()
        there.git("remote", "add", "origin", url)
        there.git("config", f"branch.{branch}.remote", "origin")
        there.git("config", f"branch.{branch}.merge", "refs/heads/trunk")
        if rendered:
            there.do("render", "--all", "-o", "dir=out")
        return there

    return made


def printed(there: Project, *words: str) -> dict[str, dict[str, Any]]:
    return {value["kind"]: value for value in yaml.safe_load_all(there.do("gitops", *words))}


def test_argo_cd_gets_an_application(follow: Callable[..., Project]) -> None:
    application = printed(follow("argocd"))["Application"]
    spec = application["spec"]
    assert {"name": "shop", "namespace": "argocd"} == application["metadata"]
    assert {"repoURL": URL, "targetRevision": "trunk", "path": "out/current"} == spec["source"]
    assert "web" == spec["destination"]["namespace"]
    # an attempt that failed is made again with what is newest
    assert {"automated": {"prune": True}, "retry": {"limit": 5, "refresh": True}} == spec["syncPolicy"]


def test_flux_gets_a_repository_and_a_kustomization_that_waits_a_minute(
    follow: Callable[..., Project],
) -> None:
    found = printed(follow("flux"), "--secret", "login", "--engine-namespace", "tenant")
    source, spec = found["GitRepository"]["spec"], found["Kustomization"]["spec"]
    assert {
        "interval": "1m",
        "url": URL,
        "ref": {"branch": "trunk"},
        "secretRef": {"name": "login"},
    } == source
    assert ("./out/current", True, True) == (spec["path"], spec["prune"], spec["wait"])
    assert ("1m", "1m") == (spec["timeout"], spec["retryInterval"])
    assert {"tenant"} == {one["metadata"]["namespace"] for one in found.values()}


def test_as_json_it_is_a_list(follow: Callable[..., Project]) -> None:
    answer = json.loads(follow("flux").do("gitops", "-o", "json"))
    assert ["GitRepository", "Kustomization"] == [item["kind"] for item in answer["items"]]


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://ada:secret@git.example.com/shop.git", URL),
        ("https://ada:se@secret@git.example.com/shop.git", URL),
        ("HTTPS://secret@git.example.com/shop.git", "HTTPS://git.example.com/shop.git"),
        ("https://git.example.com/shop.git?token=secret", URL),
        ("ssh://git:secret@git.example.com/shop.git", "ssh://git@git.example.com/shop.git"),
        ("ftp://ada:secret@git.example.com/shop.git", ""),
    ],
)
def test_a_login_in_the_url_is_never_printed(follow: Callable[..., Project], url: str, read: str) -> None:
    done: Result = follow("argocd", url).canary("gitops")
    assert "secret" not in (done.out + done.err).replace("as a Secret", "")
    if read:
        assert (0, read) == (done.code, yaml.safe_load(done.out)["spec"]["source"]["repoURL"])
        assert "login" in done.err
    else:
        assert (2, "") == (done.code, done.out)


@pytest.mark.parametrize("url", ["git@github.com:o/r.git", "org-1@github.com:o/r.git", "ssh://git@h/x.git"])
def test_argo_cd_reads_ssh_in_every_form(follow: Callable[..., Project], url: str) -> None:
    assert url == printed(follow("argocd", url))["Application"]["spec"]["source"]["repoURL"]


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("git@[::1]:x.git", "ssh://git@[::1]/x.git"),
        ("git@h:/abs/x.git", "ssh://git@h/abs/x.git"),
        ("C:\\repo", ""),
        ("host:x.git", ""),
    ],
)
def test_flux_reads_ssh_as_a_url_alone(follow: Callable[..., Project], url: str, read: str) -> None:
    there = follow("flux", url)
    if read:
        assert read == printed(there, "--secret", "key")["GitRepository"]["spec"]["url"]
    else:
        assert "no engine reads" in there.refuses("gitops", "--secret", "key", code=2)


@pytest.mark.parametrize(
    ("said", "interval"), [("{engine: flux, interval: 5m}", "5m"), ("{engine: flux, interval: 0s}", "1m")]
)
def test_flux_looks_as_often_as_the_file_says(
    follow: Callable[..., Project], said: str, interval: str
) -> None:
    there = follow("flux")
    (there.folder / "canary.yaml").write_text(there.file.replace("{engine: flux}", said))
    assert interval == printed(there)["GitRepository"]["spec"]["interval"]


def test_the_branch_that_the_file_names_is_followed(follow: Callable[..., Project]) -> None:
    there = follow("argocd")
    (there.folder / "canary.yaml").write_text(
        there.file.replace("{engine: argocd}", "{engine: argocd, branch: live}")
    )
    assert "live" == printed(there)["Application"]["spec"]["source"]["targetRevision"]
    assert "mine" == printed(there, "--branch", "mine")["Application"]["spec"]["source"]["targetRevision"]


def test_a_file_without_a_namespace_is_refused(project: Callable[..., Project]) -> None:
    there = project(FILE + "  gitops: {engine: argocd}\n")
    assert "write `namespace` below `metadata`" in there.refuses("gitops", "--repository", URL, code=2)


IN_FOLDERS = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  adopt: {from: k8s/}
  phases: [50%, 100%]
"""


@pytest.mark.parametrize("every", [[], ["--all"]])
def test_a_component_of_kustomize_is_no_folder_to_follow(
    follow: Callable[..., Project], every: list[str]
) -> None:
    app = yaml.safe_dump_all(base().values()).replace("namespace: store", "namespace: web")
    there = follow("argocd", rendered=False, file=IN_FOLDERS, **{"k8s/app.yaml": app})
    there.do("start", "v2")
    there.do("render", *every, "-o", "kustomize=out")
    assert "which folder includes it?" in there.refuses("gitops", code=2)


def test_manifests_that_lie_in_folders_are_read_in_all_of_them(follow: Callable[..., Project]) -> None:
    documents = base()
    for value in documents.values():
        value["metadata"].pop("namespace")
    route = yaml.safe_dump(documents.pop("route"))
    app = yaml.safe_dump_all(documents.values())
    there = follow(
        "argocd", rendered=False, file=IN_FOLDERS, **{"k8s/app.yaml": app, "k8s/edge/route.yaml": route}
    )
    there.do("start", "v2", "-o", "in-place", "--commit")
    source = printed(there)["Application"]["spec"]["source"]
    assert ("k8s", {"recurse": True}) == (source["path"], source["directory"])
    assert "PruneLast=true" in "".join(path.read_text() for path in (there.folder / "k8s").rglob("*.yaml"))
    (there.folder / "canary.yaml").write_text(there.file.replace("argocd", "flux"))
    assert "web" == printed(there)["Kustomization"]["spec"]["targetNamespace"]
    (there.folder / "canary.yaml").rename(there.folder / "k8s/canary.yaml")
    (there.folder / "k8s/canary.yaml").write_text(
        (there.folder / "k8s/canary.yaml").read_text().replace("from: k8s/", "from: ./")
    )
    assert "an engine would apply it too" in there.refuses("gitops", "-f", "k8s/canary.yaml", code=2)


def test_flux_reads_ssh_by_its_url_and_with_a_key(follow: Callable[..., Project]) -> None:
    there = follow("flux", "git@git.example.com:team/shop.git")
    assert "flux create secret git NAME --url=ssh://git@git.example.com/team/shop.git" in there.refuses(
        "gitops", code=2
    )
    url = printed(there, "--secret", "key")["GitRepository"]["spec"]["url"]
    assert "ssh://git@git.example.com/team/shop.git" == url


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("which repository", ("--branch", "x", "--path", "y", "-f", "elsewhere/canary.yaml")),
        ("no engine reads /srv/shop.git", ("--repository", "/srv/shop.git")),
        ("no engine reads https://", ("--repository", "https://")),
        ("--secret is Flux's", ("--secret", "x")),
        ("--path /abs: not in the repository", ("--path", "/abs")),
        ("--path a/../../x: not in the repository", ("--path", "a/../../x")),
        ("--path : not in the repository", ("--path", "")),
        ("--engine-namespace: `A_B`", ("--engine-namespace", "A_B")),
    ],
)
def test_what_cannot_be_followed_is_refused(
    follow: Callable[..., Project],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    words: tuple[str, ...],
) -> None:
    there = follow("argocd")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/canary.yaml").write_text(there.file)
    named = [str(tmp_path / word) if "elsewhere" in word else word for word in words]
    assert said in there.refuses("gitops", *named, code=2)


def test_a_release_that_is_rendered_nowhere_says_how(follow: Callable[..., Project]) -> None:
    there = follow("argocd", rendered=False)
    assert "canary render --all -o dir=rendered" in there.refuses("gitops", code=2)
    assert "k8s/now" == printed(there, "--path", "k8s/now")["Application"]["spec"]["source"]["path"]


def test_the_next_phase_waits_for_the_interval_of_the_engine(follow: Callable[..., Project]) -> None:
    there = follow("argocd")
    there.git("add", "--all")
    there.git("commit", "--quiet", "--message=rendered")
    there.do("start", "v9.9.9", "--commit")
    assert "interval 3m" in there.refuses("advance", "--commit")


def test_a_phase_begins_where_the_engine_sees_it(follow: Callable[..., Project], tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    there = follow("flux, branch: main, interval: 0s", str(remote), rendered=False)
    there.git("init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    there.git("config", "--unset-all", "branch.main.merge")
    there.git("push", "--quiet", "--set-upstream", "origin", "main")
    done = there.canary("start", "v2", "--branch", "next", "--push")
    assert (0, True) == (done.code, "the engine follows main" in done.err), done.err
    assert "`deploy` is not in main yet" in there.refuses("advance", "--push")
    there.git("push", "--quiet", "origin", "next:main")
    there.git("fetch", "--quiet")
    assert "is not in main yet" not in there.canary("advance", "--push").err


@pytest.mark.parametrize(
    ("engine", "said"), [("argocd", "`argocd app terminate-op shop`"), ("flux", "may take 1m")]
)
def test_the_way_back_says_what_may_hold_it_up(
    follow: Callable[..., Project], engine: str, said: str
) -> None:
    there = follow(engine, rendered=False)
    there.do("start", "v9.9.9")
    there.do("advance", "--now")
    assert said in there.canary("abort").err
    assert said not in there.canary("abort", "--now").err


def test_the_examples_of_the_verb_run(follow: Callable[..., Project]) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/verbs/gitops.md").read_text(), re.M | re.S)
    there = follow("argocd")
    for example in re.findall(r"^kubectl canary (gitops.*)$", block, re.M):
        words = shlex.split(example.partition("|")[0])
        assert "kind: Application\n" in there.do(*words)


def test_without_an_engine_there_is_nothing_to_print(project: Callable[..., Project]) -> None:
    assert "gitops: {engine: argocd}" in project().refuses("gitops", code=2)
