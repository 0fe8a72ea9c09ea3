"""What Deployments, Services, autoscalers and disruption budgets of a release have in a phase."""

from __future__ import annotations

from typing import Any

from kubectl_canary.release.application import Configuration, Service, Side, Workload
from kubectl_canary.release.plan import Pods


def replicas(workload: Workload, pods: Pods, side: Side) -> int | None:
    """The replicas that a Deployment says; None where a scaler decides, ours or another's."""
    is_others = workload.is_scaled_by_others and side is Side.STABLE
    return None if workload.autoscaling is not None or is_others else _planned(pods, side)


def ready(workload: Workload, pods: Pods, side: Side) -> int:
    """The fewest pods that a side has once the phase is reached."""
    if workload.is_scaled_by_others and side is Side.STABLE:
        return 1
    return _minimum(workload, pods, side)


def pod_template(workload: Workload, side: Side, configuration: Configuration) -> dict[str, Any]:
    """The template of a side's pods where they run a version."""
    labels = {**workload.selectors.of(side), **configuration.pod_labels}
    rest = {key: value for key, value in configuration.pod.items() if key != "containers"}
    containers = [container(configuration), *configuration.pod.get("containers", [])]
    return {
        "metadata": {"labels": labels, "annotations": dict(configuration.pod_annotations)},
        "spec": {"containers": containers, **rest},
    }


def container(configuration: Configuration) -> dict[str, Any]:
    """The application's container: the user's fields, and `port` as the first of `ports`."""
    fields = dict(configuration.container)
    port = fields.pop("port", None)
    ports = fields.pop("ports", [])
    if port_is_added(configuration.container):
        ports = [{"containerPort": port, "protocol": "TCP"}, *ports]
    named = {
        "name": fields.pop("name", "app"),
        "image": configuration.image,
        **({"ports": ports} if ports else {}),
    }
    return {**named, **fields}


def port_is_added(container: dict[str, Any]) -> bool:
    """Whether the short form `port` becomes the first of the container's ports: it may be among them already."""
    port = container.get("port")
    return port is not None and all(
        known.get("containerPort") != port for known in container.get("ports", [])
    )


def service_ports(service: Service, configuration: Configuration) -> list[dict[str, Any]]:
    """The ports of a Service whose pods run a version."""
    main: dict[str, Any] = {
        "name": service.port_name,
        "protocol": "TCP",
        "appProtocol": service.app_protocol,
        "port": service.port,
        "targetPort": service.target_port or configuration.port,
    }
    more = [
        {key: {"protocol": "TCP", "targetPort": port["port"], **port}.get(key) for key in main}
        for port in service.more
    ]
    return [{key: value for key, value in port.items() if value is not None} for port in (main, *more)]


def scaler_spec(workload: Workload, pods: Pods, side: Side, holds_stable: bool) -> dict[str, Any] | None:
    """The spec of a side's own autoscaler; stable's takes no pods away while a way back needs them."""
    scaling = workload.autoscaling
    if scaling is None:
        return None
    least = _minimum(workload, pods, side)
    behavior = dict(scaling.get("behavior") or {})
    if side is Side.STABLE and holds_stable:
        behavior["scaleDown"] = {**(behavior.get("scaleDown") or {}), "selectPolicy": "Disabled"}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.names.of(side)}
    spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": max(least, scaling["maxReplicas"])}
    spec |= {"metrics": scaling["metrics"]} if "metrics" in scaling else {}
    return spec | ({"behavior": behavior} if behavior else {})


def budget_spec(workload: Workload, pods: Pods, side: Side) -> dict[str, Any] | None:
    """The spec of a side's own disruption budget; the canary's is one that its pods can keep."""
    budget = workload.disruption_budget
    if budget is None:
        return None
    least = budget.get("minAvailable")
    is_number = isinstance(least, int) and side is Side.CANARY
    kept = {"minAvailable": min(int(least or 0), pods.canary - 1)} if is_number else {}
    return {**budget, **kept, "selector": {"matchLabels": workload.selectors.of(side)}}


def _planned(pods: Pods, side: Side) -> int:
    return pods.stable if side is Side.STABLE else pods.canary


def _minimum(workload: Workload, pods: Pods, side: Side) -> int:
    """The fewest pods that a side has: of stable what its autoscaler keeps, of the canary what the phase needs."""
    if workload.autoscaling is None or side is Side.CANARY:
        return _planned(pods, side)
    return int(workload.autoscaling.get("minReplicas", 1))
