"""`check --synced`: whether the declared phase is in the cluster; a program of ours answers in kubectl's place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Result
from releases import a_file, a_release
from test_cluster import Fake, a_list, fake
from test_position import Objects, live, named, route_of, scaled, shares

__all__ = ["fake"]  # a fixture

Check = Callable[..., Result]


@pytest.fixture
def check(fake: Fake, canary: Callable[..., Result], canary_yaml: Callable[[str], Path]) -> Check:
    """`check --synced` of a file that declares a phase, where the cluster has these objects."""

    def run(phase: str, objects: Objects, *flags: str, ready: int = 10) -> Result:
        canary_yaml(json.dumps(a_file(phase=phase, gitops={"engine": "argocd"})))
        slices = [a_slice(f"shop-{side}", ready) for side in ("stable", "canary")]
        fake.answer(("endpointslices", 0, a_list(*slices)), ("get", 0, a_list(*objects.values())))
        return canary("check", "--synced", *flags)

    return run


def a_slice(service: str, ready: int) -> dict[str, Any]:
    endpoints = [
        {"addresses": [f"10.0.0.{number}"], "conditions": {"ready": True}} for number in range(ready)
    ]
    metadata = {"name": service, "labels": {"kubernetes.io/service-name": service}}
    return {"kind": "EndpointSlice", "metadata": metadata, "endpoints": endpoints}


def there(phase: str) -> Objects:
    return live(a_release(gitops={"engine": "argocd"}), phase)


@pytest.mark.parametrize("phase", ["deploy", "header-only", "5%", "100%", "promote-return", "rolled-back"])
def test_what_is_there_is_synced(check: Check, phase: str) -> None:
    done = check(phase, there(phase))
    assert (0, f"`{phase}` is in the cluster, and settled\n", "") == (done.code, done.out, done.err)


def test_the_phase_before_is_not_the_one_that_is_declared(check: Check) -> None:
    done = check("5%", there("header-only"))
    assert 1 == done.code
    assert done.out.startswith("`5%` is not in the cluster yet, or not settled:\n")
    assert "HTTPRoute shop-canary-route is not as `5%` has it (patch)" in done.out
    assert "`kubectl canary diff --phase 5%` shows it" in done.out


def test_what_the_phase_has_no_more_is_waited_for(check: Check) -> None:
    done = check("rolled-back", there("deploy"))
    assert 1 == done.code
    assert "Deployment shop-canary is not as `rolled-back` has it (delete)" in done.out


def test_what_is_lacking_is_waited_for(check: Check) -> None:
    objects = there("5%")
    del objects[next(key for key in objects if key[1] == "Service" and key[3] == "shop-canary")]
    assert "Service shop-canary is not as `5%` has it (create)" in check("5%", objects).out


def test_pods_and_endpoints_and_routes_have_to_be_settled(check: Check) -> None:
    assert "endpoint" in check("5%", there("5%"), ready=0).out
    pending = there("5%")
    named(pending, "Deployment", "shop-canary")["status"]["readyReplicas"] = 0
    assert (1, True) == ((done := check("5%", pending)).code, "shop-canary" in done.out)
    refused = there("5%")
    route_of(refused)["status"]["parents"][0]["conditions"][0]["status"] = "False"
    assert 1 == check("5%", refused).code


def test_programs_read_it(check: Check) -> None:
    objects = there("5%")
    shares(objects, 7)
    scaled(objects, "shop-canary", 3)
    found = json.loads(check("5%", objects, "-o", "json").out)
    assert ("5%", False) == (found["phase"], found["synced"])
    titles = [problem["text"].partition(" is not")[0] for problem in found["problems"]]
    assert {"HTTPRoute shop-canary-route", "Deployment shop-canary"} <= {*titles}
    assert json.loads(check("5%", there("5%"), "-o", "json").out) == {
        "phase": "5%",
        "synced": True,
        "problems": [],
    }


@pytest.fixture
def at_rest(fake: Fake, canary: Callable[..., Result], canary_yaml: Callable[[str], Path]) -> Check:
    """`check --synced` of a file without a release, where the cluster has these objects."""

    def run(objects: Objects) -> Result:
        known = a_file(gitops={"engine": "argocd"})
        del known["spec"]["canary"]
        known["spec"].pop("phase", None)
        canary_yaml(json.dumps(known))
        slices = [a_slice(f"shop-{side}", 10) for side in ("stable", "canary")]
        fake.answer(("endpointslices", 0, a_list(*slices)), ("get", 0, a_list(*objects.values())))
        return canary("check", "--synced")

    return run


def test_between_two_releases_stable_is_there_alone(at_rest: Check) -> None:
    done = at_rest(there("before"))
    assert (0, "`before` is in the cluster, and settled\n", "") == (done.code, done.out, done.err)


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("rolled-back", None),
        ("deploy", "Deployment shop-canary is not as `before` has it (delete)"),
        ("promoted", "Deployment shop-stable is not as `before` has it (patch)"),
    ],
)
def test_what_a_release_has_left_is_waited_for(at_rest: Check, phase: str, said: str | None) -> None:
    done = at_rest(there(phase))
    assert (0 if said is None else 1) == done.code
    assert said is None or said in done.out


def test_adopted_manifests_at_rest_are_asked_for_too(
    fake: Fake, canary: Callable[..., Result], canary_yaml: Callable[[str], Path], tmp_path: Path
) -> None:
    """Two containers: no tag would say of which of them another version is to be assumed."""
    shop = ROOT / "examples/shop"
    known = yaml.safe_load((shop / "canary.yaml").read_text())
    del known["spec"]["canary"]
    known["spec"].pop("phase", None)
    known["spec"]["adopt"]["from"] = str(shop / "k8s")
    canary_yaml(json.dumps(known))
    objects = [
        one
        for file in sorted((shop / "k8s").iterdir())
        for one in yaml.safe_load_all(file.read_text())
        if one and file.name != "kustomization.yaml"
    ]
    fake.answer(("endpointslices", 0, a_list()), ("get", 0, a_list(*objects)))
    done = canary("check", "--synced")
    assert (1, "") == (done.code, done.err)
    assert done.out.startswith("`before` is not in the cluster yet, or not settled:")
    assert "is not as `before` has it" not in done.out


@pytest.mark.parametrize("flags", [["errors"], ["--phase", "5%"], ["--skip"], ["-o", "sarif"]])
def test_it_measures_no_gate(check: Check, flags: list[str]) -> None:
    done = check("5%", there("5%"), *flags)
    assert (2, "") == (done.code, done.out)
    assert "measures no gate" in done.err
