"""What `validate` holds a canary file's phases against, beside the API server's rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import SEED, Result
from releases import a_file

from kubectl_canary.findings import Finding
from kubectl_canary.judging import implementations
from kubectl_canary.judging.implementations import Claims
from kubectl_canary.judging.validation import Ignored
from kubectl_canary.release import patches

Canary = Callable[..., Result]


def test_patches_that_do_not_make_the_phase_are_found(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The net below everything else: it is given patches that forget their last operation."""
    right = patches.patch
    monkeypatch.setattr(patches, "patch", lambda *given: right(*given)[:-1])
    result = canary("validate", SEED, "--admission-only")
    assert 1 == result.code
    assert "the patch from `5%` does not make `10%`" in result.out
    monkeypatch.undo()
    assert 0 == canary("validate", SEED, "--admission-only").code


def test_patches_of_ways_back_are_held_against_them_too(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = patches.patch_back
    monkeypatch.setattr(patches, "patch_back", lambda *given: right(*given)[:-1])
    result = canary("validate", SEED, "--admission-only")
    assert 1 == result.code
    assert "the patch from `5%` does not make `rollback from 5%`" in result.out


@pytest.mark.parametrize(
    ("fail_on", "weight", "code"),
    [
        ("error", 2_000_000, 1), ("warning", 2_000_000, 1), ("never", 2_000_000, 0),
        ("error", 9, 0), ("warning", 9, 1), ("never", 9, 0),
    ],
)  # fmt: skip
def test_who_fails_on_warnings_fails_on_errors_too(
    canary: Canary, fail_on: str, weight: int, code: int
) -> None:
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop", "namespace": "web"},
        "spec": {
            "parentRefs": [{"name": "gw"}],
            "rules": [{"backendRefs": [{"name": "a", "namespace": "other", "port": 80, "weight": weight}]}],
        },
    }
    result = canary("validate", "-", "--fail-on", fail_on, stdin=json.dumps(route).encode())
    assert code == result.code
    assert ("1 error" in result.out) is (weight > 1_000_000)
    assert (" 0 warnings" in result.out) is (weight > 1_000_000)


@pytest.mark.parametrize(
    ("ignored", "path", "covered"),
    [
        ("spec.rules[0]", ("spec", "rules", 0), True), ("spec.rules[0]", ("spec", "rules", 0, "name"), True),
        ("spec.rules", ("spec", "rules", 1), True), ("spec.rule", ("spec", "rules", 1), False),
        ("spec.rules[1]", ("spec", "rules", 10), False), ("", ("spec", "rules"), True),
    ],
)  # fmt: skip
def test_a_rule_is_ignored_at_a_path_and_below_it(
    ignored: str, path: tuple[str | int, ...], covered: bool
) -> None:
    finding = Finding("no-weight", "error", path, "")
    assert covered is Ignored("no-weight", ignored).covers(finding)
    assert not Ignored("other", ignored).covers(finding)


def claims(version: str, gateway_api: str, date: str, mode: str = "default", number: int = 1) -> Claims:
    features = frozenset(f"F{count}" for count in range(number))
    return Claims("some", version, gateway_api, "standard", mode, date, "success", features)


@pytest.mark.parametrize(
    ("others", "newest"),
    [
        ([claims("1", "v1.4.0", "2026-01-01"), claims("2", "v1.3.0", "2026-02-01")], "1"),
        ([claims("1", "v1.9.0", "2026-02-01"), claims("2", "v1.10.0", "2026-01-01")], "2"),
        ([claims("1", "v1.4.0", "2026-01-01"), claims("2", "v1.4.0", "2026-02-01")], "2"),
        ([claims("1", "v1.4.0", "2026-01-01"), claims("2", "v1.4.0", "2026-01-01", "odd", 9)], "1"),
        ([claims("1", "v1.4.0", "2026-01-01"), claims("2", "v1.4.0", "2026-01-01", number=2)], "2"),
    ],
)  # fmt: skip
def test_the_newest_report_is_of_the_newest_gateway_api(
    monkeypatch: pytest.MonkeyPatch, others: list[Claims], newest: str
) -> None:
    for listed in (others, others[::-1]):
        monkeypatch.setattr(implementations, "reports", lambda listed=listed: tuple(listed))
        found = implementations.find("some")
        assert found is not None
        assert newest == found.version


def test_a_class_is_an_implementations_by_its_first_word() -> None:
    for name, known in (("istio", True), ("istio-waypoint", True), ("istiox", False), ("eggs", False)):
        assert known is (implementations.of_class(name) is not None)


def test_a_feature_that_the_tests_did_not_ask_for_is_unknown() -> None:
    report = claims("1", "v1.0.0", "2026-01-01")
    assert ("claimed", "unknown") == (report.answer("F0"), report.answer("HTTPRouteRetry"))
    assert "not claimed" == claims("1", "v1.4.0", "2026-01-01").answer("HTTPRouteMethodMatching")


GATEWAY = {"name": "gw", "namespace": "infra", "create": {"className": "istio"}}


@pytest.mark.parametrize("namespace", ["infra", "web", None])
def test_a_gateway_in_another_namespace_lets_the_releases_routes_in(
    canary: Canary, canary_yaml: Callable[[str], Path], namespace: str | None
) -> None:
    gateway: dict[str, Any] = {
        key: value for key, value in GATEWAY.items() if key != "namespace" or namespace
    }
    canary_yaml(
        yaml.safe_dump(
            a_file(route={"gateway": {**gateway, **({"namespace": namespace} if namespace else {})}})
        )
    )
    documents = list(yaml.safe_load_all(canary("render", "--phase", "5%").out))
    (made,) = [one for one in documents if one["kind"] == "Gateway"]
    (route,) = [one for one in documents if one["kind"] == "HTTPRoute"]
    (listener,) = made["spec"]["listeners"]
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "web"}}
    there = {"from": "Selector", "selector": selector} if namespace == "infra" else {"from": "Same"}
    assert (namespace or "web", {"namespaces": there}) == (
        made["metadata"]["namespace"],
        listener["allowedRoutes"],
    )
    assert ("infra" if namespace == "infra" else None) == route["spec"]["parentRefs"][0].get("namespace")


METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT"]


@pytest.mark.parametrize(("matches", "methods", "fine"), [(16, 4, True), (13, 5, False), (64, 1, True)])
def test_sixty_four_matches_are_fine_and_one_more_is_not(
    canary: Canary, canary_yaml: Callable[[str], Path], matches: int, methods: int, fine: bool
) -> None:
    route = {
        "gateway": {"name": "gw"},
        "matches": [{"path": {"type": "PathPrefix", "value": f"/{n}"}} for n in range(matches)],
    }
    phases = [{"mirror": "10%", "methods": METHODS[:methods]}, "5%"]
    canary_yaml(yaml.safe_dump(a_file(route=route, phases=phases)))
    result = canary("validate", "--admission-only")
    assert (0 if fine else 1) == result.code, result.out
    assert fine is ("matches, and a rule may have 64" not in result.out)
