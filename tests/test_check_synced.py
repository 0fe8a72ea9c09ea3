"""`check --synced`: whether the declared phase is in the cluster; a program of ours answers in kubectl's place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
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


@pytest.mark.parametrize("flags", [["errors"], ["--phase", "5%"], ["--skip"], ["-o", "sarif"]])
def test_it_measures_no_gate(check: Check, flags: list[str]) -> None:
    done = check("5%", there("5%"), *flags)
    assert (2, "") == (done.code, done.out)
    assert "measures no gate" in done.err
