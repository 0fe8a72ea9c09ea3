"""What fails, and who meddles: stable keeps serving, nothing of others is lost, and the message says what to do."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from living import Release, answered
from world import World

NAME = "my-app-canary"
pytestmark = pytest.mark.short_on("traefik")


@pytest.fixture
def release(world: World, tmp_path: Path) -> Release:
    made = Release(world, tmp_path)
    made.to("header-only")
    return made


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        pytest.param("never-ready", "0 of 1 ready", marks=pytest.mark.long),
        ("crashing", "CrashLoopBackOff"),
        pytest.param("no-image", "ImagePullBackOff", marks=pytest.mark.long),
        pytest.param("unschedulable", "is not scheduled", marks=pytest.mark.long),
    ],
)
def test_pods_that_never_serve_are_named_and_stable_serves(
    world: World, tmp_path: Path, manner: str, said: str
) -> None:
    release = Release(
        world, tmp_path, canary={"tag": "v2", "podMetadata": {"annotations": {"world/pod": manner}}}
    )
    with world.load(release.namespace.host) as load:
        failed = release.ask("apply", "--phase=deploy", "--timeout=10s")
        release.do("rollback")
    answered(load, 1000)
    assert 4 == failed.returncode, failed.stderr
    assert said in failed.stderr
    assert ([], "before") == (release.left, release.phase)


@pytest.mark.parametrize("fault", ["apiserver", pytest.param("etcd", marks=pytest.mark.long)])
def test_an_api_server_that_is_away_for_a_while_is_waited_for(release: Release, fault: str) -> None:
    with release.world.load(release.namespace.host) as load:
        process = release.start("apply", "--phase=5%")
        time.sleep(1.5)
        away(release.world, fault)
        _, said = process.communicate(timeout=120)
    answered(load, 1000)
    assert 0 == process.returncode, said
    assert "5%" == release.phase


def away(world: World, fault: str) -> None:
    """The API server is killed and started again, or its etcd does not answer for ten seconds."""
    if fault == "apiserver":
        world.kill(fault)
        time.sleep(2)
        world.start(fault)
    else:
        world.pause(fault)
        time.sleep(10)
        world.resume(fault)


@pytest.mark.long
@pytest.mark.parametrize("words", [("apply", "--phase=5%"), ("rollback",)], ids=str)
def test_a_gateway_that_dies_meanwhile_loses_requests_only_while_it_is_away(
    release: Release, words: tuple[str, ...]
) -> None:
    with release.world.load(release.namespace.host) as load:
        process = release.start(*words)
        time.sleep(1.5)
        died = load.now
        release.world.kill("gateway")
        release.world.start("gateway")
        release.world.answers(release.namespace.host)
        back = load.now + 0.5
        _, said = process.communicate(timeout=120)
    assert (0, {}) == (process.returncode, load.lost_outside(died, back)), said
    assert load.total > 1000
    assert {"apply": "5%", "rollback": "before"}[words[0]] == release.phase


def test_a_rule_that_somebody_adds_meanwhile_stays_to_the_end(release: Release) -> None:
    theirs = {
        "name": "theirs",
        "matches": [{"path": {"type": "PathPrefix", "value": "/theirs"}}],
        "filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "elsewhere.example.com"}}],
    }
    process = release.start("apply", "--phase=5%")
    time.sleep(0.7)
    patch = [{"op": "add", "path": "/spec/rules/-", "value": theirs}]
    release.kubectl("patch", "httproute", "my-app-canary-route", "--type=json", "-p", json.dumps(patch))
    _, said = process.communicate(timeout=60)
    assert 0 == process.returncode, said
    for goal in ("25%", "50%", "100%"):
        release.do("apply", f"--phase={goal}")
    release.do("promote")
    assert ["default", "theirs"] == [rule["name"] for rule in release.route["spec"]["rules"]]


def test_a_canary_that_somebody_deletes_or_scales_is_made_again(release: Release) -> None:
    release.to("25%")
    with release.world.load(release.namespace.host, header="x-nobody: 1") as load:
        release.do("previous")
        release.kubectl("delete", "deployment", NAME, "--wait=false")
        release.do("rollback")
        release.to("header-only")
        release.kubectl("scale", "deployment", NAME, "--replicas=0")
        refused = release.ask("apply", "--phase=5%")
        release.do("apply", "--phase=header-only")
        release.do("apply", "--phase=5%")
    assert (1, "5%") == (refused.returncode, release.phase)
    assert "runs 0 pods of the canary" in refused.stderr
    assert (
        load.total > 1000
    )  # those that a canary without pods had are lost: it was not we who took them away


@pytest.mark.long
def test_originals_that_are_applied_again_are_where_it_goes_on_from(release: Release) -> None:
    release.to("25%")
    manifests = release.do("render", "--phase=before").partition("\nwarning")[0]
    release.kubectl("apply", "-f", "-", stdin=manifests)
    refused = release.ask("apply", "--phase=50%")
    assert 1 == refused.returncode
    assert "go by the phases between" in refused.stderr
    release.do("rollback")
    assert ([], "before") == (release.left, release.phase)


def test_two_at_once_notice_each_other_and_a_rollback_takes_over(world: World, tmp_path: Path) -> None:
    release = Release(
        world, tmp_path, canary={"tag": "v2", "podMetadata": {"annotations": {"world/pod": "never-ready"}}}
    )
    first = release.start("apply", "--phase=deploy")
    deadline = time.monotonic() + 20
    while "kubectl-canary-my-app" not in release.kubectl("get", "leases", "-o", "name"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    second = release.ask("apply", "--phase=deploy")
    assert 1 == second.returncode
    assert f"apply by {identity()}" in second.stderr
    assert "since" in second.stderr
    release.do("rollback")
    _, said = first.communicate(timeout=30)
    assert 1 == first.returncode
    assert "has taken over" in said or "is gone" in said
    assert ([], "before") == (release.left, release.phase)


def identity() -> str:
    from kubectl_canary.outside.process import who

    return who()


def test_a_hold_stops_the_next_step(release: Release) -> None:
    release.kubectl("annotate", "httproute", "my-app-canary-route", "kubectl-canary/hold=ask Anna")
    refused = release.ask("apply", "--phase=5%")
    assert (1, "") == (refused.returncode, refused.stdout)
    assert "ask Anna" in refused.stderr
    release.kubectl("annotate", "httproute", "my-app-canary-route", "kubectl-canary/hold-")
    release.do("apply", "--phase=5%")


def test_the_printed_role_is_enough_and_without_one_right_nothing_is_half_done(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = json.loads(release.do("rbac", "-o", "json").partition("\nbind it")[0])
    roles = role["items"] if role["kind"] == "List" else [role]
    for one in roles:
        release.world.kubectl("apply", "-f", "-", stdin=json.dumps(one))
        name, place = one["metadata"]["name"], one["metadata"]["namespace"]
        release.world.kubectl("create", "rolebinding", name, "-n", place, f"--role={name}", "--user=releaser")
    as_releaser = f"--kubeconfig={release.world.kubeconfig_of('releaser')}"
    release.do("apply", "--phase=5%", as_releaser)
    release.do("apply", "--phase=25%", as_releaser)
    assert 0 == release.ask("status", as_releaser).returncode
    without_deployments(release, roles[0])
    before = release.route["spec"]
    refused = release.ask("apply", "--phase=50%", as_releaser)
    assert (4, "") == (refused.returncode, refused.stdout)
    assert 'cannot patch resource "deployments"' in refused.stderr
    assert before == release.route["spec"]


def without_deployments(release: Release, role: dict[str, Any]) -> None:
    rules = [dict(rule) for rule in role["rules"]]
    for rule in rules:
        if rule.get("resources") == ["deployments"]:
            rule["verbs"] = ["get"]
    release.world.kubectl("apply", "-f", "-", stdin=json.dumps({**role, "rules": rules}))
