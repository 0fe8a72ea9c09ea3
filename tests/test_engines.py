"""What a GitOps engine needs on the objects of a release, and nothing else; what it is told of the repository."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Result
from releases import a_release
from test_git_verbs import FILE, Project, project
from test_moments import base, pod_of
from test_plan import GENERATOR

from kubectl_canary.commands import inputs
from kubectl_canary.reading.release import Release
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering import objects

__all__ = ["project"]  # a fixture

ARGO_CD, FLUX = {"engine": "argocd"}, {"engine": "flux"}
WAVE, OPTIONS = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/sync-options"
FORWARD = ["header-only", "5%", "50%", "100%", "promote-roll", "rollback-promotion from promote-roll"]
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


@pytest.mark.parametrize("phase", [*FORWARD, *ELSEWHERE])
def test_flux_needs_nothing(phase: str) -> None:
    testers = {"header": "x-canary", "value": "true"}
    with_flux, without = a_release(gitops=FLUX, testers=testers), a_release(testers=testers)
    assert rendered(without, phase) == rendered(with_flux, phase)
    assert ({}, {}) == (notes(with_flux, phase, WAVE), notes(with_flux, phase, OPTIONS))


def test_a_wave_that_the_file_gives_stays() -> None:
    route = {"gateway": {"name": "gw"}, "annotations": {WAVE: "7"}}
    plan = a_release(gitops=ARGO_CD, route=route)
    assert [{"HTTPRoute shop-canary-route": "7"}] * 3 == [
        notes(plan, phase, WAVE) for phase in ("before", "50%", "rollback from 50%")
    ]


# --- the user's own manifests -------------------------------------------------


@pytest.fixture
def adopted(tmp_path: Path) -> Callable[..., Release]:
    """A release of the user's manifests with these annotations on some of them."""

    def made(**annotations: dict[str, str]) -> Release:
        for name, tag in (("old", "v1"), ("new", "v2")):
            documents = base()
            pod_of(documents)["containers"][0]["image"] = f"registry.example.com/shop:{tag}"
            for kind, own in annotations.items():
                documents[kind]["metadata"]["annotations"] = own
            (tmp_path / name).mkdir()
            (tmp_path / name / "all.yaml").write_text(yaml.safe_dump_all(documents.values()))
        spec = {"adopt": {"from": "new/", "stable": "old/"}, "phases": ["50%", "100%"], "gitops": ARGO_CD}
        head = {"apiVersion": "kubectl-canary/v1alpha1", "kind": "Canary", "metadata": {"name": "shop"}}
        (tmp_path / "canary.yaml").write_text(yaml.safe_dump({**head, "spec": spec}))
        return inputs.load([str(tmp_path / "canary.yaml")])

    return made


def test_requests_move_a_wave_after_the_users_own(adopted: Callable[..., Release]) -> None:
    plan = adopted(deployment={WAVE: "4"}).plan
    assert "5" == notes(plan, "50%", WAVE)["HTTPRoute shop"]
    assert "HTTPRoute shop" not in notes(plan, "rollback from 50%", WAVE)


def test_a_wave_that_is_no_number_is_none(adopted: Callable[..., Release]) -> None:
    assert "1" == notes(adopted(deployment={WAVE: "late"}).plan, "50%", WAVE)["HTTPRoute shop"]


def test_a_wave_of_the_users_route_stays_and_is_warned_of(adopted: Callable[..., Release]) -> None:
    release = adopted(route={WAVE: "3"})
    for phase in ("before", "50%", "rollback from 50%", "promoted"):
        assert "3" == notes(release.plan, phase, WAVE)["HTTPRoute shop"]
    (warning,) = [warning for warning in release.warnings if "wave" in warning.message]
    assert warning.where.file.endswith("old/all.yaml")
    assert warning.message.startswith("Argo CD moves requests in wave 3")


def test_other_options_stay_but_those_that_keep(adopted: Callable[..., Release]) -> None:
    given = {OPTIONS: "ServerSideApply=true, Prune=false", "helm.sh/resource-policy": "keep"}
    plan = adopted(deployment=given).plan
    own = rendered(plan, "50%")["Deployment shop-canary"]["metadata"]["annotations"]
    assert {OPTIONS: "ServerSideApply=true,PruneLast=true"} == own
    assert given == rendered(plan, "50%")["Deployment shop"]["metadata"]["annotations"]


# --- what is printed ----------------------------------------------------------

URL = "https://git.example.com/shop.git"


@pytest.fixture
def follow(project: Callable[..., Project]) -> Callable[..., Project]:
    """A release that is rendered in a repository whose branch follows a remote."""

    def made(engine: str, url: str = URL, rendered: bool = True) -> Project:
        there = project(FILE + f"  gitops: {{engine: {engine}}}\n")
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
    (spec,) = [one["spec"] for one in printed(follow("argocd")).values()]
    assert {"repoURL": URL, "targetRevision": "trunk", "path": "out/current"} == spec["source"]
    assert {"automated": {"prune": True}} == spec["syncPolicy"]


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
    assert ("./out/current", True, True, "1m") == (spec["path"], spec["prune"], spec["wait"], spec["timeout"])
    assert {"tenant"} == {one["metadata"]["namespace"] for one in found.values()}


def test_as_json_it_is_a_list(follow: Callable[..., Project]) -> None:
    answer = json.loads(follow("flux").do("gitops", "-o", "json"))
    assert ["GitRepository", "Kustomization"] == [item["kind"] for item in answer["items"]]


def test_a_login_in_the_url_is_never_printed(follow: Callable[..., Project]) -> None:
    there = follow("argocd", "https://ada:secret@git.example.com/shop.git")
    done: Result = there.canary("gitops")
    assert (0, URL) == (done.code, yaml.safe_load(done.out)["spec"]["source"]["repoURL"])
    assert "secret" not in done.out + done.err.replace("as a Secret", "")
    assert "login" in done.err


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
        ("which repository", ("--branch", "x", "-f", "elsewhere/canary.yaml")),
        ("no engine reads /srv/shop.git", ("--repository", "/srv/shop.git")),
        ("--secret is Flux's", ("--secret", "x")),
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
