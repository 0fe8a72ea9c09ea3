"""The verdict on one document: mostly the last that the API server accepts, and the first that it does not."""

from __future__ import annotations

from typing import Any

import agreement
import pytest

from kubectl_canary.api import explain, metadata, verdict
from kubectl_canary.api.builtin import quantity
from kubectl_canary.api.catalog import Target
from kubectl_canary.findings import path_text

Document = dict[str, Any]
LABELS = {"app": "a"}
OWNER = {"apiVersion": "apps/v1", "kind": "Deployment"}


def config_map(**more: Any) -> Document:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **more}}


def owned(*controllers: bool) -> Document:
    return config_map(
        ownerReferences=[
            {**OWNER, "name": f"a{index}", "uid": f"u{index}", "controller": controller}
            for index, controller in enumerate(controllers)
        ]
    )


def service(*ports: Document, name: str = "a") -> Document:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": list(ports)}}


def deployment(labels: Document = LABELS, container: Document | None = None, **spec: Any) -> Document:
    containers = [{"name": "a", "image": "a", **(container or {})}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {"selector": {"matchLabels": LABELS}, "template": template, **spec},
    }


def rolling(surge: int | str, unavailable: int | str) -> Document:
    return deployment(strategy={"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})


def named_port(name: str) -> Document:
    return deployment(container={"ports": [{"containerPort": 80, "name": name}]})


def memory(request: str, limit: str) -> Document:
    return deployment(container={"resources": {"requests": {"memory": request}, "limits": {"memory": limit}}})


UPDATE = "spec.strategy.rollingUpdate"
CONTAINER = "spec.template.spec.containers[0]"
EDGES: dict[str, tuple[Document, Document, str]] = {
    "a namespace's name has 63 characters": (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a" * 63}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a" * 64}},
        f'metadata.name: Invalid value: "{"a" * 64}": must be no more than 63 bytes',
    ),
    "a label's value has 63 characters": (
        config_map(labels={"a": "b" * 63}),
        config_map(labels={"a": "b" * 64}),
        f'metadata.labels.a: Invalid value: "{"b" * 64}": must be no more than 63 bytes',
    ),
    "one owner is the controller": (
        owned(True, False),
        owned(True, True),
        "metadata.ownerReferences: Only one reference can have Controller set to true",
    ),
    "annotations have 256 KiB": (
        config_map(annotations={"a": "b" * (256 * 1024 - 1)}),
        config_map(annotations={"a": "b" * 256 * 1024}),
        "metadata.annotations: Too long: may not be more than 262144 bytes",
    ),
    "pods may be replaced before or after": (
        rolling(0, 1),
        rolling(0, 0),
        f"{UPDATE}.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
    ),
    "no percentage of pods is none of them": (
        rolling(1, "0%"),
        rolling(0, "0%"),
        f'{UPDATE}.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
    ),
    "all pods may be unavailable": (
        rolling(1, "100%"),
        rolling(1, "101%"),
        f'{UPDATE}.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
    ),
    "a deadline is longer than minReadySeconds": (
        deployment(progressDeadlineSeconds=31, minReadySeconds=30),
        deployment(progressDeadlineSeconds=30, minReadySeconds=30),
        "spec.progressDeadlineSeconds: Invalid value: 30: must be greater than minReadySeconds",
    ),
    "a selector selects the template's pods": (
        deployment(labels={**LABELS, "more": "b"}),
        deployment(labels={"app": "b"}),
        'spec.template.metadata.labels: Invalid value: {"app":"b"}: `selector` does not match template `labels`',
    ),
    "a port has 16 bits": (
        service({"port": 65535}),
        service({"port": 65536, "targetPort": 1}),
        "spec.ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive",
    ),
    "a port's name has 15 characters": (
        named_port("a" * 15),
        named_port("a" * 16),
        f'{CONTAINER}.ports[0].name: Invalid value: "{"a" * 16}": must be no more than 15 characters',
    ),
    "only a single port needs no name": (
        service({"port": 80}),
        service({"port": 80, "name": "a"}, {"port": 81}),
        "spec.ports[1].name: Required value",
    ),
    "a port is one port of a protocol": (
        service({"port": 53, "name": "a"}, {"port": 53, "name": "b", "protocol": "UDP"}),
        service(
            {"port": 53, "name": "a", "protocol": "UDP"}, {"port": 53, "name": "b", "protocol": "UDP"}
        ),
        'spec.ports[1]: Duplicate value: {"protocol":"UDP","port":53}',
    ),
    "a mebibyte has 2**20 bytes": (
        memory("1Mi", "1048576"),
        memory("1Mi", "1048575"),
        f'{CONTAINER}.resources.requests: Invalid value: "1Mi": must be less than or equal to memory limit of 1048575',
    ),
}  # fmt: skip


@pytest.mark.parametrize("edge", EDGES)
def test_the_last_document_is_accepted_and_the_next_refused(edge: str) -> None:
    inside, outside, said = EDGES[edge]
    assert [] == said_of(inside)
    assert [said] == said_of(outside)


def said_of(document: Document, kubernetes: str = "v1.37") -> list[str]:
    findings = verdict.judge(document, Target(kubernetes=kubernetes)) or []
    return [f"{path_text(finding.path)}: {finding.message}" for finding in findings]


@pytest.mark.parametrize(("kubernetes", "accepted"), [("v1.35", False), ("v1.36", True)])
def test_a_services_name_may_start_with_a_digit_since_1_36(kubernetes: str, accepted: bool) -> None:
    assert [] == said_of(service({"port": 80}, name="a1"), kubernetes)
    said = said_of(service({"port": 80}, name="1a"), kubernetes)
    refusal = f'metadata.name: Invalid value: "1a": {metadata.LABEL_1035_WORDS}'
    assert ([] if accepted else [refusal]) == said


@pytest.mark.parametrize(
    ("zone", "fine"), [("Z", True), ("+23:59", True), ("+24:00", False), ("+00:60", False), ("-01:60", False)]
)
def test_a_zone_is_less_than_a_day_and_its_minutes_less_than_an_hour(zone: str, fine: bool) -> None:
    time = f"2026-01-01T00:00:00{zone}"
    assert fine is metadata.is_time(time)
    assert fine is ([] == said_of(config_map(creationTimestamp=time)))


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1Ki", 2**10), ("1Mi", 2**20), ("1Gi", 2**30), ("1M", 10**6), ("1e3", 1000), (".5k", 500)],
)
def test_an_amount_is_read_with_its_unit(text: str, amount: int) -> None:
    assert amount == quantity.parsed(text)


MANY = [{"name": f"r{number}", "backendRefs": [{"name": "a", "port": 80}]} for number in range(17)]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (MANY, "Too many: 17: must have at most 16 items"),
        ([{"filters": [{"type": "RequestMirror"}, {}]}], "Required value"),
        ([{"filters": [{"type": "RequestMirror"}, 3]}], "must be of type object"),
    ],
)
def test_no_rule_is_tried_where_the_shape_is_wrong(
    monkeypatch: pytest.MonkeyPatch, rules: list[Any], said: str
) -> None:
    """A rule that compares all with all would take minutes on what is too long; the server says no before."""
    monkeypatch.setattr(explain, "broken", lambda *_: pytest.fail("a rule was tried"))
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "a"},
        "spec": {"rules": rules},
    }
    (finding,) = verdict.judge(route, Target()) or []
    assert said in finding.message


DISAGREEMENTS = agreement.yaml.safe_load(
    (agreement.BUILT_IN.parent / "disagreements.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", DISAGREEMENTS, ids=lambda case: case["why"])
def test_what_judges_once_disagreed_on(case: Document) -> None:
    """By what the server said; test_agreement.py asks it again."""
    assert case["accepted"] is (said_of(case["document"]) == [])
