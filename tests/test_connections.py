"""A release through routes that split connections: TCPRoute and TLSRoute, by shares alone."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from kubectl_canary.commands import inputs
from kubectl_canary.release import observed
from kubectl_canary.release.application import Located
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import live_step
from kubectl_canary.rendering.objects import planned

CASE = Path(__file__).parent / "cases/adopt-streams"
HTTP = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: console, namespace: store}
spec:
  parentRefs: [{name: public, namespace: infra}]
  hostnames: [console.example.com]
  rules:
  - backendRefs: [{name: broker, port: 5672}]
"""
DEFAULT = "phases: [10%, 50%, 100%]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASE, tmp_path / "case"))


@pytest.fixture
def mixed(folder: Path) -> Path:
    (folder / "k8s/console.yaml").write_text(HTTP)
    return folder


def changed(folder: Path, old: str, new: str, name: str = "canary.yaml") -> Path:
    file = folder / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return folder / "canary.yaml"


def routes(file: Path, phase: str) -> dict[str, Any]:
    plan = inputs.load([str(file)]).plan
    documents = Generator(target=plan.application.target).render(planned(plan.application, plan.find(phase)))
    values = [document.value for document in documents]
    return {value["kind"]: value for value in values if value["kind"].endswith("Route")}


def weights(route: dict[str, Any]) -> dict[str, int]:
    (rule,) = route["spec"]["rules"]
    return {ref["name"]: ref["weight"] for ref in rule["backendRefs"]}


def test_connections_are_split_in_what_stable_held(folder: Path) -> None:
    there = routes(folder / "canary.yaml", "10%")
    assert weights(there["TCPRoute"]) == {"broker": 90, "broker-canary": 10}
    tls = weights(there["TLSRoute"])
    assert Fraction(tls["legacy"], sum(tls.values())) == Fraction(1, 3)
    assert Fraction(tls["broker-canary"], tls["broker"] + tls["broker-canary"]) == Fraction(1, 10)


@pytest.mark.parametrize("phases", [DEFAULT, "drain: 5s"])
def test_without_testers_a_release_begins_with_a_share(canary: Any, folder: Path, phases: str) -> None:
    done = canary("plan", "-f", changed(folder, f"{DEFAULT}\n  phase: 10%", phases), "-o", "json")
    assert (done.code, done.err) == (0, "")
    assert "header-only" not in done.out
    assert '"testers": true' not in done.out


def test_what_needs_requests_is_refused_at_every_place(canary: Any, folder: Path) -> None:
    text = "phases: [mirror 20%, header-only, 10%]\n  testers: {header: x-a}"
    done = canary("render", "-f", changed(folder, DEFAULT, text))
    assert (done.code, done.out) == (1, "")
    why = "requests, and TCPRoute broker splits connections without looking into them; leave"
    for line in (
        f"spec.phases[0]: `mirror 20%` needs {why} the phase out",
        f"spec.phases[1]: `header-only` needs {why} the phase out",
        f"spec.testers: testers need {why} them out",
    ):
        assert line in done.err
    assert "adopt.routes" not in done.err


def test_beside_requests_shares_are_released_and_the_lost_testers_said(canary: Any, mixed: Path) -> None:
    file = mixed / "canary.yaml"
    done = canary("plan", "-f", file)
    assert done.code == 0
    assert "no header leads testers to the canary: TCPRoute broker splits connections" in done.err
    assert weights(routes(file, "10%")["HTTPRoute"]) == {"broker": 90, "broker-canary": 10}
    quiet = canary("plan", "-f", changed(mixed, DEFAULT, f"{DEFAULT}\n  testers: false"))
    assert (quiet.code, quiet.err) == (0, "")


def test_beside_requests_their_routes_alone_have_testers(canary: Any, mixed: Path) -> None:
    file = changed(mixed, DEFAULT, "phases: [header-only, 10%]")
    assert "or name the other routes alone by `adopt.routes`" in canary("plan", "-f", file).err
    changed(mixed, "from: k8s/", "from: k8s/\n    routes: [{name: console}]")
    done = canary("plan", "-f", file)
    assert done.code == 0
    assert "through HTTPRoute console\n" in done.out
    assert "x-canary: true → canary" in done.out


def test_a_header_of_others_is_nobodys_where_there_are_no_testers(canary: Any, mixed: Path) -> None:
    match = "  - matches: [{headers: [{name: x-canary, value: a}]}]\n    backendRefs"
    changed(mixed, "  - backendRefs", match, "k8s/console.yaml")
    assert canary("plan", "-f", mixed / "canary.yaml").code == 0


def test_open_connections_are_said(canary: Any, folder: Path) -> None:
    said = "TCPRoute broker and TLSRoute broker: a share is one of new connections"
    assert said in canary("plan", "-f", folder / "canary.yaml").out


def test_a_version_that_the_cluster_lacks_is_said(canary: Any, folder: Path) -> None:
    changed(folder, "v1\nkind: TCPRoute", "v1alpha2\nkind: TCPRoute", "k8s/routes.yaml")
    done = canary("render", "-f", folder / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert "v1alpha2" in done.err
    file = changed(folder, "spec:\n", "spec:\n  gatewayAPI: {version: v1.6, channel: experimental}\n")
    assert routes(file, "10%")["TCPRoute"]["apiVersion"].endswith("/v1alpha2")


def test_a_match_names_no_rule_of_connections(canary: Any, folder: Path) -> None:
    match = "routes: [{kind: TLSRoute, name: broker, rules: [{path: {value: /}}]}]"
    done = canary("plan", "-f", changed(folder, "from: k8s/", f"from: k8s/\n    {match}"))
    assert done.code == 1
    assert "TLSRoute broker has no rule of the match; rules are called `queues`" in done.err


def test_live_the_phase_is_told_and_left(folder: Path) -> None:
    plan = inputs.load([str(folder / "canary.yaml")]).plan
    for phase in plan.phases[1:-1]:
        documents = Generator().render(planned(plan.application, phase))
        there = {document.part.key: document.value for document in documents}
        by_name = {Located(*key[1:]): value for key, value in there.items()}
        assert observed.phase(by_name, plan).name == phase.name
        if phase.kind.value == "weight":
            back, _ = live_step(plan, Generator(), "rollback", there)
            assert [change.part.kind for change in back.changes] == ["TCPRoute", "TLSRoute"]


def test_what_is_not_simulated_is_said(canary: Any, mixed: Path) -> None:
    done = canary("simulate", "-f", mixed / "canary.yaml", "http://console.example.com/")
    assert done.code == 0
    assert "not simulated: TCPRoute broker and TLSRoute broker: connections are split by weights" in done.err
    (mixed / "k8s/console.yaml").unlink()
    done = canary("simulate", "-f", mixed / "canary.yaml", "http://console.example.com/")
    assert (done.code, done.out) == (2, "")
    assert "there is no request to simulate for TCPRoute broker" in done.err


@pytest.mark.parametrize("flags", [(), ("--route", "broker")])
def test_init_finds_both_and_names_no_testers(canary: Any, folder: Path, flags: tuple[str, ...]) -> None:
    file = folder / "canary.yaml"
    done = canary(
        "init", "--from", folder / "k8s", "-f", file, "--force", "--canary-image", "broker:v2", *flags
    )
    assert done.code == 0
    assert "TCPRoute store/broker: rule 0 sends" in done.err
    named = "routes: [{kind: TCPRoute, name: broker}, {kind: TLSRoute, name: broker}]"
    assert (named in file.read_text()) is bool(flags)
    assert "testers: false" in file.read_text()
    assert canary("plan", "-f", file).code == 0


def test_init_takes_no_header_for_connections(canary: Any, folder: Path) -> None:
    done = canary("init", "--from", folder / "k8s", "-f", folder / "new.yaml", "--header", "x-mine")
    assert (done.code, (folder / "new.yaml").exists()) == (2, False)
    assert "--header x-mine: TCPRoute store/broker splits connections" in done.err


def test_lint_looks_into_their_backends(canary: Any, folder: Path) -> None:
    done = canary("validate", folder / "k8s")
    assert "no Service `legacy` here" in done.out + done.err
