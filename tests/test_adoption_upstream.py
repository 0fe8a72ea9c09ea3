"""Upstream's examples and conformance manifests as sets to adopt: adopted, or refused with a reason, and never changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import agreement
import pytest
import yaml

from kubectl_canary.api import catalog
from kubectl_canary.commands import inputs
from kubectl_canary.errors import CanaryError
from kubectl_canary.reading.release import Release
from kubectl_canary.release import adoption

pytestmark = pytest.mark.cluster
Object = dict[str, Any]
OURS = "kubectl-canary/"
ROUTE = "HTTPRoute"


def manifests(target: catalog.Target) -> Iterator[tuple[Path, list[Object]]]:
    """The files of upstream's that have routes, with the objects in them."""
    root = agreement.crds(target).parents[2]
    version = catalog.releases()["gatewayAPI"][target.gateway_api]["version"]
    conformance = root / "conformance"
    if not conformance.is_dir():
        conformance = agreement.module(f"sigs.k8s.io/gateway-api/conformance@{version}")
    for file in sorted(
        file for folder in (root / "examples", conformance) for file in folder.rglob("*.yaml")
    ):
        try:
            listed = list(yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader))
        except yaml.YAMLError:
            continue  # a template
        objects = [one for one in listed if isinstance(one, dict) and one.get("kind")]
        if any(one["kind"] == ROUTE for one in objects):
            yield file, objects


def with_workloads(objects: list[Object]) -> list[Object]:
    """The same, with a Deployment and a Service for each backend that has none among them."""
    added: list[Object] = []
    there = {(one["kind"], one["metadata"].get("namespace"), one["metadata"].get("name")) for one in objects}
    for route in [one for one in objects if one["kind"] == ROUTE]:
        own = route["metadata"].get("namespace")
        for ref in backends(route):
            place = {"name": ref["name"], **({"namespace": own} if own else {})}
            if (ref.get("kind", "Service"), own, ref["name"]) == ("Service", own, ref["name"]) and (
                "Deployment",
                own,
                ref["name"],
            ) not in there:
                there.add(("Deployment", own, ref["name"]))
                added += workload(place, ref.get("port", 80), ("Service", own, ref["name"]) not in there)
    return [*objects, *added]


def backends(route: Object) -> list[Object]:
    return [ref for rule in route["spec"].get("rules") or [] for ref in rule.get("backendRefs") or []]


def workload(place: Object, port: int, with_service: bool) -> list[Object]:
    labels = {"app": place["name"]}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": place,
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": place,
        "spec": {"selector": labels, "ports": [{"port": port}]},
    }
    return [deployment, *([service] if with_service else [])]


def canary_file(route: Object, name: str) -> Object:
    namespace = route["metadata"].get("namespace")
    return {
        "apiVersion": "kubectl-canary/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": "r", **({"namespace": namespace} if namespace else {})},
        "spec": {
            "adopt": {
                "from": "all.yaml",
                "deployment": name,
                "service": name,
                "routes": [{"name": route["metadata"]["name"]}],
            },
            "canary": {"tag": "next"},
            "testers": {"header": "x-our-testers"},
            "phases": ["mirror 20%", "header-only", "10%", "100%"],
        },
    }


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Release | CanaryError]]:
    folder = tmp_path_factory.mktemp("upstream")
    found: list[tuple[str, Release | CanaryError]] = []
    for file, objects in manifests(catalog.Target()):
        (folder / "all.yaml").write_text(yaml.safe_dump_all(with_workloads(objects), sort_keys=False))
        for route in [one for one in objects if one["kind"] == ROUTE]:
            for name in dict.fromkeys(str(ref["name"]) for ref in backends(route)):
                (folder / "canary.yaml").write_text(yaml.safe_dump(canary_file(route, name)))
                try:
                    found.append((f"{file.name} {name}", inputs.load([str(folder / "canary.yaml")])))
                except CanaryError as error:
                    found.append((f"{file.name} {name}", error))
    return found


def test_most_are_adopted_and_the_others_are_refused_with_a_reason(outcomes: Any) -> None:
    refused = [outcome for _, outcome in outcomes if isinstance(outcome, CanaryError)]
    assert len(outcomes) > 100
    assert len(refused) < len(outcomes) / 3
    for error in refused:
        findings = getattr(error, "findings", [])
        assert error.message
        assert all(finding.message and finding.where.file for finding in findings)


def test_what_is_not_of_the_release_is_never_changed(outcomes: Any) -> None:
    for name, release in outcomes:
        if isinstance(release, CanaryError):
            continue
        application = release.plan.application
        written = adoption.by_key(application, application.adopted.stable)
        for phase in (*release.plan.phases, *release.plan.ways_back()):
            for document in adoption.documents(application, phase):
                given = written.get(document.part.key)
                if given is not None and document.part.group == "others":
                    assert document.value is given.value, (name, phase.name, document.part.title)
                elif given is not None and document.part.is_route:
                    assert foreign_rules(document.value, application) == foreign_rules(
                        given.value, application
                    )


def foreign_rules(route: Object, application: Any) -> list[Object]:
    """The rules that send to neither Service of the release."""
    names = {name for service in application.services for name in service.names.both()}
    return [
        rule
        for rule in route["spec"]["rules"]
        if not names & {ref.get("name") for ref in rule.get("backendRefs") or []}
    ]
