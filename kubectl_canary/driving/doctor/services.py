"""Each Service of the release catches the pods of its side and no others, at a port that they have.

Source: v1 ServiceSpec.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, Value, problem, warning
from kubectl_canary.release.application import Side, Workload

TOO_MUCH = "the canary gets more than expected"


def check(facts: Facts) -> Iterator[Remark]:
    """The Services of the release, then all others that catch pods of both sides."""
    for workload, side in facts.sides():
        service = facts.service(workload.service.names.of(side))
        if service is not None and not workload.service.is_pool and service["kind"] == "Service":
            yield from _of_one(facts, workload, side, service)
    if facts.knows("services", "objects"):
        yield from _past_the_split(facts)


def _of_one(facts: Facts, workload: Workload, side: Side, service: Value) -> Iterator[Remark]:
    spec, name = service["spec"], service["metadata"]["name"]
    if spec.get("type") == "ExternalName":
        cure = "send to a Service with a selector: gateways do not follow a name, or do so past the weights"
        yield problem(f"Service {name} is of type ExternalName: it has no endpoints", cure)
        return
    if spec.get("clusterIP") == "None":
        cure = "give it a cluster IP where the requests are not split"
        yield warning(f"Service {name} is headless: some implementations send nothing to it", cure)
    if spec.get("sessionAffinity") == "ClientIP":
        text = (
            f"{TOO_MUCH}, or less: Service {name} has sessionAffinity ClientIP, so clients stay on their pod"
        )
        yield warning(text, "take sessionAffinity out, and test with many clients")
    yield from _of_selector(facts, workload, side, service)
    yield from _of_ports(facts, workload, side, service)


def _of_selector(facts: Facts, workload: Workload, side: Side, service: Value) -> Iterator[Remark]:
    selector, name = service["spec"].get("selector"), service["metadata"]["name"]
    other = Side.STABLE if side is Side.CANARY else Side.CANARY
    if not selector:
        cure = "give it the labels of the pods, or be sure that somebody writes its EndpointSlices"
        yield warning(f"Service {name} has no selector: it catches no pods", cure)
    elif not _catches(selector, facts.labels(workload, side)):
        cure = f"change its selector, or the labels of the pods of Deployment {workload.names.of(side)}"
        yield problem(f"Service {name} ({_text(selector)}) catches no pod of {side.value}", cure)
    elif _catches(selector, facts.labels(workload, other)):
        whose = TOO_MUCH if side is Side.STABLE else "the canary gets less than expected"
        text = f"{whose}: Service {name} selects {other.value} pods too ({_text(selector)})"
        yield problem(text, f"add a label to the selector that {side.value} pods alone have")


def _of_ports(facts: Facts, workload: Workload, side: Side, service: Value) -> Iterator[Remark]:
    ports, name = service["spec"].get("ports") or [], service["metadata"]["name"]
    port = next((known for known in ports if known.get("port") == workload.service.port), None)
    if port is None:
        there = ", ".join(str(known.get("port")) for known in ports) or "none"
        text = f"Service {name} has no port {workload.service.port}, which the route sends to; it has {there}"
        yield problem(text, "add the port to the Service, or change that of the backendRefs")
        return
    target, deployment = port.get("targetPort"), facts.deployment(workload.names.of(side))
    if isinstance(target, str) and deployment is not None and target not in _port_names(deployment):
        text = f"Service {name} sends to the port `{target}`, which no container of {workload.names.of(side)} has"
        yield problem(text, "name a port of the container so, or change targetPort")


def _port_names(deployment: Value) -> list[str]:
    containers = deployment["spec"]["template"]["spec"].get("containers") or []
    return [str(port.get("name")) for container in containers for port in container.get("ports") or []]


def _past_the_split(facts: Facts) -> Iterator[Remark]:
    own = {name for workload in facts.plan.application.workloads for name in workload.service.names.both()}
    for service in facts.services:
        selector, name = service["spec"].get("selector") or {}, service["metadata"]["name"]
        is_here = service["metadata"].get("namespace", facts.namespace) == facts.namespace
        if name in own or not is_here or not selector:
            continue
        for workload in facts.plan.application.workloads:
            if all(_catches(selector, facts.labels(workload, side)) for side in Side):
                caught = f"Service {name} selects stable and canary pods ({_text(selector)})"
                cure = "add a label to its selector that stable pods alone have, where that is not meant"
                yield warning(f"{caught}: its requests bypass the split", cure)


def _catches(selector: dict[str, str], labels: object) -> bool:
    return isinstance(labels, dict) and selector.items() <= labels.items()


def _text(selector: dict[str, str]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in selector.items())
