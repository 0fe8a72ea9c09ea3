"""`rbac`: what leading a release takes, as Roles, and nothing more."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from conftest import ROOT, SEED, Result, run_here

NAMESPACES = ROOT / "tests/cases/adopt-namespaces/canary.yaml"


def roles(*arguments: object) -> list[dict[str, Any]]:
    answer = run_here("rbac", *arguments, "-o", "json")
    assert answer.code == 0, answer.err
    items: list[dict[str, Any]] = json.loads(answer.out)["items"]
    return items


def allowed(role: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Each verb, resource and name that a Role allows; an empty name where it is of all."""
    return {
        (verb, resource, name)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }


def test_the_seeds_role_names_what_it_can() -> None:
    (role,) = roles("-f", SEED)
    assert role["kind"] == "Role"
    assert role["metadata"]["namespace"] == "production"
    assert allowed(role) == {
        ("create", "services", ""), ("create", "deployments", ""), ("create", "gateways", ""),
        ("create", "httproutes", ""), ("create", "leases", ""), ("list", "pods", ""), ("list", "endpointslices", ""),
        *((verb, "services", f"my-app-{side}") for verb in ("get", "patch") for side in ("stable", "canary")),
        *((verb, "deployments", f"my-app-{side}") for verb in ("get", "patch") for side in ("stable", "canary")),
        ("delete", "services", "my-app-canary"), ("delete", "deployments", "my-app-canary"),
        ("get", "gateways", "production-gw"), ("patch", "gateways", "production-gw"),
        ("get", "httproutes", "my-app-canary-route"), ("patch", "httproutes", "my-app-canary-route"),
        *((verb, "leases", "kubectl-canary-my-app") for verb in ("get", "update", "patch", "delete")),
    }  # fmt: skip


@pytest.mark.parametrize("words", [(), ("--read-only",)])
def test_no_role_reads_a_secret_or_names_everything(words: tuple[str, ...]) -> None:
    for role in roles("-f", SEED, *words):
        resources = {resource for rule in role["rules"] for resource in rule["resources"]}
        verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
        assert not {"secrets", "*"} & resources
        assert "*" not in verbs
        assert all("" not in rule.get("resourceNames", ()) for rule in role["rules"])


def test_create_and_list_are_not_limited_by_a_name() -> None:
    for role in (*roles("-f", SEED), *roles("-f", SEED, "--read-only")):
        for rule in role["rules"]:
            assert "resourceNames" not in rule or not {"create", "list"} & set(rule["verbs"])


def test_who_only_looks_changes_nothing() -> None:
    role, cluster = roles("-f", SEED, "--read-only")
    assert {verb for known in (role, cluster) for verb, _, _ in allowed(known)} == {"get", "list"}
    assert cluster["kind"] == "ClusterRole"
    assert "namespace" not in cluster["metadata"]
    assert ("get", "customresourcedefinitions", "httproutes.gateway.networking.k8s.io") in allowed(cluster)
    assert ("get", "namespaces", "production") in allowed(cluster)


def test_a_route_elsewhere_has_a_role_there() -> None:
    own, elsewhere = roles("-f", NAMESPACES)
    assert [role["metadata"]["namespace"] for role in (own, elsewhere)] == ["store", "store-edge"]
    assert allowed(elsewhere) == {
        ("create", "httproutes", ""),
        ("get", "httproutes", "shop"),
        ("patch", "httproutes", "shop"),
    }
    assert ("delete", "referencegrants", "from-the-edge-canary") in allowed(own)


def test_yaml_says_the_same_and_how_to_bind_it() -> None:
    answer: Result = run_here("rbac", "-f", NAMESPACES)
    assert list(yaml.safe_load_all(answer.out)) == roles("-f", NAMESPACES)
    assert (
        "kubectl create rolebinding kubectl-canary-shop -n store-edge --role=kubectl-canary-shop"
        in answer.err
    )
