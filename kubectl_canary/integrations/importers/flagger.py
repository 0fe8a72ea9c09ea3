"""Flagger: a Canary and the Deployment that it leads → a Service, an HTTPRoute, testers, phases and gates.

Flagger runs what serves everybody as a copy, NAME-primary, and keeps the user's Deployment at no pods until a new
version comes; here the user's Deployment is what serves. Source: https://docs.flagger.app/usage/how-it-works, and
pkg/controller/scheduler.go and pkg/canary/deployment_controller.go of Flagger 1.36.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api import verdict
from kubectl_canary.api.catalog import Target
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers import flagger_analysis as analysis_of
from kubectl_canary.integrations.importers import flagger_routes as routes_of
from kubectl_canary.integrations.importers.belongings import (
    images,
    namespace_of,
    pod_of,
    senders,
    why_not_written,
)
from kubectl_canary.integrations.importers.flagger_analysis import GATEWAYS, Subject
from kubectl_canary.integrations.importers.flagger_fields import NAME, findings_of, key_of_analysis
from kubectl_canary.integrations.importers.flagger_moving import GATEWAY_API, PAUSED, PRIMARY, RESOURCE, Way
from kubectl_canary.integrations.importers.imported import (
    OF_ALL,
    ONE_AT_A_TIME,
    Imported,
    Neighbour,
    Wish,
    loss,
    refusal,
    refuse,
    refused,
)
from kubectl_canary.reading.adopted.objects import at, name_of, of_kind, pod_labels, selects
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import replace
from kubectl_canary.release.adoption import DEPLOYMENT, SERVICE
from kubectl_canary.release.companions import SELECTORS

KIND = "Canary"
GROUP, API = "flagger.app/", "flagger.app/v1beta1"
OWN_KINDS = ("Canary", "MetricTemplate", "AlertProvider")
AT_REST = ("", "Initialized", "Succeeded")

FIELDS = {
    "targetRef": "`adopt.deployment`: the Deployment as you have it, which then serves everybody",
    "autoscalerRef": "nothing: the target's autoscaler goes on as it is, and Flagger's copy of it goes",
    "provider": "nothing: where it is not `gatewayapi`, `--gateway` says what the route attaches to",
    "metricsServer": "`prometheus.url`, of metrics without a MetricTemplate",
    "service.name": "the name of the Service and of the HTTPRoute; without it that of the target",
    "service.port, portName, targetPort, appProtocol, portDiscovery": "the ports of the Service",
    "service.apex": "labels and annotations of the Service and of the HTTPRoute",
    "service.gatewayRefs": "`parentRefs`; `--gateway` comes before them",
    "service.hosts": "`hostnames`",
    "service.match": "the matches of the rule; a header's prefix becomes a regular expression",
    "service.headers, rewrite, mirror": "filters of the rule",
    "service.timeout": "`timeouts.request`",
    "analysis.stepWeight, stepWeights, maxWeight": (
        "a phase a weight, as Flagger goes on; 100% follows, since the new version runs beside the old until the end"
    ),
    "analysis.interval": "the pause of a phase, and the time between two measurements",
    "analysis.threshold": "how many measurements of a gate may fail, in each phase; Flagger counts over all of them",
    "analysis.match": "`testers`, and the phase `header-only`, as long as all iterations last",
    "analysis.iterations": "how many measurements must pass in a phase; without `match` and `mirror` in 100%",
    "analysis.mirror, mirrorWeight": "a phase that mirrors all requests; a share of them with Istio alone",
    "analysis.metrics[].templateRef, query": (
        "a gate with that query; `{{ target }}` is `{{ deployment }}`, `{{ interval }}` is `{{ window }}`, and the "
        "MetricTemplate's address is `prometheus.url`; without a value Flagger's check fails, "
        "and the gate is inconclusive"
    ),
    "request-success-rate, request-duration": (
        "gates `error-rate` and `latency`, where the provider or the Gateway's class says whose metrics are read"
    ),
    "analysis.metrics[].thresholdRange, threshold": "`min` and `max` of the gate",
    "analysis.webhooks[]": (
        "of the type `rollout` a gate where it posts no `metadata`; of `confirm-traffic-increase` an approval in each "
        "phase, of `confirm-promotion` one in the last"
    ),
    "revertOnDeletion, suspend": "nothing: the steps set them",
}
OF_PRIMARY = (
    "it selects the pods of NAME-primary, which go: its file selects the target's, and a step applies it"
)
LOSSES = {
    "affinity": "`sessionAffinity`: who once had the canary keeps it.",
    "alerts": "Messages to people.",
    "api-version": "Refused: a Canary of another API than v1beta1.",
    "backends": "Refused: a route or an Ingress sends to Flagger's Services NAME-primary or NAME-canary, which go.",
    "blue-green": "Flagger measures a canary that has load tests alone; here gates hold at 100% first.",
    "bound": "The other bound of a builtin metric.",
    "condition": "Refused: a match that an HTTPRoute cannot say.",
    "credentials": "A MetricTemplate's Secret.",
    "differs": "Refused: the target has other images than NAME-primary, so that it is not what serves now.",
    "hosts": "No host is named: the route takes the requests of every host of the Gateway.",
    "ingress": "An Ingress or a route of APISIX that Flagger leads.",
    "invalid": "Refused: a Canary that no cluster would take, or whose objects none would.",
    "many-steps": "More than 80 steps: every second one is taken.",
    "match": "A condition that Flagger ignores where it makes an HTTPRoute. Refused with other providers.",
    "match-weights": "An A/B test whose requests are split by weight: testers all reach the canary.",
    "mesh": "What meshes are told, such as traffic policies, retries and CORS.",
    "metadata": "Labels and annotations of the Services NAME-primary and NAME-canary.",
    "metric": "A metric that is no gate: of another provider, without its MetricTemplate, or of an unknown Prometheus.",
    "mirror": "Mirroring before shares rise: Flagger does it with Istio alone.",
    "no-steps": "There is no analysis, or one without steps: the usual phases are taken.",
    "not-written": "What Flagger or another owner has made, Pods and Secrets, and MetricTemplates and AlertProviders.",
    "phase": "Refused: Flagger is in the middle of a release, or the last one failed.",
    "primary": "What selects the pods of NAME-primary: it selects those of the target.",
    "promotion": "`stepWeightPromotion`.",
    "readiness": "Deadlines, and how many of the pods have to be ready.",
    "replicas": "Refused: the target has no pods, as Flagger leaves it, and how many NAME-primary has is unknown.",
    "scaler": "What Flagger's copy of the autoscaler has otherwise, and an autoscaler that is not among the manifests.",
    "selector": "Refused: the target's selector has none of the labels app, name and app.kubernetes.io/name.",
    "service": "A Service of the target's name that Flagger has changed: it is made again from the Canary.",
    "several": "Refused: several Canaries. A release is of one.",
    "skip-analysis": "`skipAnalysis`.",
    "steps": "Refused: `stepWeights` that do not rise.",
    "target": "Refused: a target that is no Deployment, or is not among the manifests.",
    "testers": "Testers are known by one thing: further matches, or those of two headers at once.",
    "threshold": "Flagger goes on after one check that passes; here as many are taken as may fail, in each phase.",
    "unknown": "A field that Flagger 1.36 does not have.",
    "webhook": "A webhook that is no gate, or is one with another body.",
}


def is_here(manifests: Sequence[Manifest]) -> bool:
    """Whether there is a Canary of Flagger's among these objects."""
    return any(_is_canary(known) for known in manifests)


def imported(manifests: Sequence[Manifest], wish: Wish) -> Imported:
    """The release that the Canary among manifests leads.

    Raises Refused with everything without which no release can be made; UsageError without a Gateway.
    """
    canary = _only(manifests)
    findings = findings_of(canary)
    refuse(findings)
    provider = _provider(canary)
    findings += [*_by_provider(canary, provider)]
    refuse(findings)
    if wish.gateway is None and not (
        provider.startswith(GATEWAY_API) and at(canary.value, "spec", "service", "gatewayRefs")
    ):
        raise UsageError("which Gateway does the route attach to?", "give --gateway production-gw")
    target = _target(canary, manifests, findings)
    label = routes_of.label_of(target)
    findings += [*_at_rest(canary, target, manifests)]
    if label is None:
        message = "its selector has none of the labels app, name and app.kubernetes.io/name, and no pod is told by it"
        findings.append(refusal(f"{NAME}-selector", target, ("spec", "selector"), message))
    refuse(findings)
    running = _running(canary, target, manifests, findings)
    service, made = _service(canary, running, label or ("", ""), (manifests, findings))
    route = routes_of.route(canary, wish.gateway, findings)
    refuse(findings)
    findings += [*_unmade(canary, (*made, route))]
    refuse(findings)
    kept = _kept(canary, (target, running), service, (manifests, findings))
    led = {id(known): _led_back(known, label or ("", "")) for known in kept}
    changed = [known for known in kept if led[id(known)] is not known]
    findings += [loss(f"{NAME}-primary", known, ("spec",), OF_PRIMARY) for known in changed]
    kept = [led[id(known)] for known in kept]
    findings += [*_lost_senders(canary, kept), *_absent_scaler(canary, kept)]
    refuse(findings)
    testers, phases, gates, prometheus = _analysis(canary, provider, (manifests, route), findings)
    refuse(findings)
    name = routes_of.service_name(canary)
    others = [known for known, _ in senders(name, namespace_of(canary), kept)]
    return Imported(
        source=(canary.title, target.title),
        manifests=tuple(kept),
        routes=(route,),
        service=name,
        deployments=(name_of(target),),
        governed={(route["kind"], name): [0]} if others else {},
        canary=None,
        testers=testers,
        phases=phases,
        losses=tuple(findings),
        steps=tuple(Way(canary, label or ("", ""), provider, route, tuple(changed)).steps()),
        made=made,
        gates=gates,
        prometheus=prometheus,
    )


def _is_canary(known: Manifest) -> bool:
    return known.text("kind") == KIND and known.text("apiVersion").startswith(GROUP)


def _only(manifests: Sequence[Manifest]) -> Manifest:
    """The Canary. Raises Refused where there are several, or it is of another API."""
    canaries = [known for known in manifests if _is_canary(known)]
    refuse(
        [
            refusal(f"{NAME}-several", known, ("kind",), "a release is of one Canary", ONE_AT_A_TIME)
            for known in canaries[1:]
        ]
    )
    canary = canaries[0]
    if canary.text("apiVersion") != API:
        message = f"it is of {canary.text('apiVersion')}, and what is known here is {API}"
        hint = "import what the cluster has: kubectl get canaries.flagger.app -o yaml"
        refuse([refusal(f"{NAME}-api-version", canary, ("apiVersion",), message, hint)])
    for path, kind in ((("spec",), "map"), (("spec", "targetRef"), "map"), (("spec", "service"), "map")):
        if not isinstance(at(canary.value, *path), dict):
            message = f"{path[-1]} is no {kind}, and Flagger needs it"
            refuse([refusal(f"{NAME}-invalid", canary, path, message)])
    if not name_of(canary):
        refuse([refusal(f"{NAME}-invalid", canary, ("metadata",), "it has no name")])
    return canary


def _provider(canary: Manifest) -> str:
    """Who leads the requests; without a word Flagger's -mesh-provider, which `gatewayRefs` give away."""
    said = canary.text("spec", "provider")
    return said or (GATEWAY_API if at(canary.value, "spec", "service", "gatewayRefs") else "")


def _by_provider(canary: Manifest, provider: str) -> Iterator[Finding]:
    """What a mesh heeds and an HTTPRoute does not, without which other requests would be split."""
    service = at(canary.value, "spec", "service")
    if not provider.startswith(GATEWAY_API):
        ignored = ("scheme", "authority", "port", "sourceLabels", "withoutHeaders", "sourceNamespace")
        for number, match in enumerate(service.get("match") or []):
            for key in ignored:
                if match.get(key):
                    message = f"{key} is no condition of an HTTPRoute: other requests would be split"
                    path = ("spec", "service", "match", number, key)
                    yield refusal(f"{NAME}-match", canary, path, message, "write the route by hand")
    if not service.get("hosts"):
        message = "it names no host, so that the route takes the requests of every host of the Gateway"
        yield loss(f"{NAME}-hosts", canary, ("spec", "service"), message, "write `hostnames` into the route")


# --- what runs --------------------------------------------------------------


def _near(canary: Manifest, known: Manifest) -> bool:
    """Whether an object is in the Canary's namespace, as far as both say one."""
    spaces = {namespace_of(canary), namespace_of(known)} - {""}
    return len(spaces) < 2


def _deployment(canary: Manifest, name: str, manifests: Sequence[Manifest]) -> Manifest | None:
    return next(
        (
            known
            for known in of_kind(manifests, *DEPLOYMENT)
            if name_of(known) == name and _near(canary, known)
        ),
        None,
    )


def _target(canary: Manifest, manifests: Sequence[Manifest], findings: list[Finding]) -> Manifest:
    """The Deployment that the Canary leads. Raises Refused where it is none, or is not there."""
    path: Path = ("spec", "targetRef")
    kind, name = canary.text(*map(str, path), "kind"), canary.text(*map(str, path), "name")
    found = _deployment(canary, name, manifests) if kind == "Deployment" else None
    if found is not None:
        for finding in verdict.judge(found.value, Target()) or ():
            findings.append(refusal(f"{NAME}-invalid", found, finding.path, finding.message, finding.hint))
        refuse(findings)
        return found
    message = f"Deployment {name} is not among the manifests"
    hint = "name a folder with it too, or pipe both from the cluster"
    if kind != "Deployment":
        message, hint = f"its target is a {kind or 'thing without a kind'}", "a release is of a Deployment"
    findings.append(refusal(f"{NAME}-target", canary, path, message, hint))
    raise refused(findings)


def _at_rest(canary: Manifest, target: Manifest, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """That what the target says is not what serves everybody."""
    phase = canary.text("status", "phase")
    if phase not in AT_REST:
        message = f"Flagger's phase is {phase}: what the target says is not what serves everybody"
        hint = (
            "import once it is Succeeded; after a failure give the target the version of NAME-primary first"
        )
        yield refusal(f"{NAME}-phase", canary, ("status", "phase"), message, hint)
    primary = _deployment(canary, f"{name_of(target)}-primary", manifests)
    if primary is None or verdict.judge(primary.value, Target()):
        return
    if images(primary) != images(target):
        message = f"its images are others than those of {name_of(primary)}, which serves everybody"
        yield refusal(f"{NAME}-differs", target, ("spec", "template"), message, "import at rest")
    elif _pod(primary, PRIMARY) != _pod(target, ""):
        message = f"its pods are others than those of {name_of(primary)}, which serves everybody"
        hint = f"give the target what {name_of(primary)} has, but for names that end in -primary"
        yield refusal(f"{NAME}-differs", target, ("spec", "template"), message, hint)


def _pod(deployment: Manifest, ending: str) -> Any:
    """What a file says of the pods of one of the two; Flagger's copy has other names of configuration."""
    containers = pod_of(deployment)["containers"]
    said = [
        {key: known.get(key) for key in ("name", "env", "envFrom", "args", "command")} for known in containers
    ]
    return json.loads(json.dumps(said, default=str).replace(f'{ending}"', '"')) if ending else said


def _running(
    canary: Manifest, target: Manifest, manifests: Sequence[Manifest], findings: list[Finding]
) -> Manifest:
    """The target with as many pods as serve everybody; Flagger has left it without any."""
    if at(target.value, "spec", "replicas") != 0:
        return target
    replicas = _replicas(canary, target, manifests)
    if replicas is None:
        message = f"it has no pods, and how many {name_of(target)}-primary has is not to be seen"
        hint = "pipe that Deployment or the autoscaler too, or write `replicas`"
        findings.append(refusal(f"{NAME}-replicas", target, ("spec", "replicas"), message, hint))
        return target
    return replace(target, value=_with(target.value, replicas), source="")


def _with(value: dict[str, Any], replicas: int) -> dict[str, Any]:
    """A Deployment of some pods, also in what kubectl noted of it, which else would count."""
    kept = {key: child for key, child in value.items() if key != "status"}
    return {**kept, "spec": {**value["spec"], "replicas": replicas}}


def _replicas(canary: Manifest, target: Manifest, manifests: Sequence[Manifest]) -> int | None:
    """How many pods NAME-primary has, else the fewest of the target's autoscaler."""
    primary = _deployment(canary, f"{name_of(target)}-primary", manifests)
    found = at(primary.value, "spec", "replicas") if primary else None
    if primary and found is None:
        found = 1
    scaler = at(canary.value, "spec", "autoscalerRef") or {}
    for known in manifests:
        is_it = known.text("kind") == scaler.get("kind") and name_of(known) == scaler.get("name")
        if not found and is_it and _near(canary, known):
            found = at(known.value, "spec", "minReplicas") or at(known.value, "spec", "minReplicaCount") or 1
    return found if isinstance(found, int) and found > 0 else None


# --- what goes on, and what is made -----------------------------------------


def _owned(canary: Manifest, known: Manifest) -> bool:
    """Whether Flagger has made an object for the Canary."""
    owners = at(known.value, "metadata", "ownerReferences")
    return isinstance(owners, list) and any(
        at(owner, "kind") == KIND
        and str(at(owner, "apiVersion")).startswith(GROUP)
        and at(owner, "name") == name_of(canary)
        for owner in owners
    )


def _by_name(canary: Manifest, target: Manifest, known: Manifest) -> bool:
    """Whether an object has the name of one that Flagger makes."""
    service, deployment = routes_of.service_name(canary), name_of(target)
    scaler = canary.text("spec", "autoscalerRef", "name")
    names = {
        "Service": (f"{service}-primary", f"{service}-canary"),
        "HTTPRoute": (service,),
        "Deployment": (f"{deployment}-primary",),
        canary.text("spec", "autoscalerRef", "kind"): (f"{scaler}-primary",) if scaler else (),
    }
    return _near(canary, known) and name_of(known) in names.get(known.text("kind"), ())


def _service(
    canary: Manifest,
    target: Manifest,
    label: tuple[str, str],
    known: tuple[Sequence[Manifest], list[Finding]],
) -> tuple[Manifest | None, tuple[dict[str, Any], ...]]:
    """The user's own Service where there is one as Flagger found it, else one that is made."""
    manifests, findings = known
    name, made = routes_of.service_name(canary), routes_of.service(canary, target, label)
    for service in of_kind(manifests, *SERVICE):
        if name_of(service) != name or not _near(canary, service) or _owned(canary, service):
            continue
        ports = at(service.value, "spec", "ports")
        has_port = isinstance(ports, list) and any(
            at(port, "port") == made["spec"]["ports"][0]["port"] for port in ports
        )
        if has_port and selects(service.value, pod_labels(target.value)):
            return service, ()
        message = "Flagger gives it other pods or ports: it is made again, with those that the Canary says"
        hint = "import your own manifest of it, or carry over what it says besides"
        findings.append(loss(f"{NAME}-service", service, ("spec",), message, hint))
    return None, (made,)


def _unmade(canary: Manifest, made: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """What no cluster would take of the objects that are made."""
    for value in made:
        for finding in verdict.judge(value, Target()) or ():
            message = f"the {value['kind']} that it asks for: {finding.message}"
            yield refusal(f"{NAME}-invalid", canary, ("spec", "service"), message, finding.hint)


def _kept(
    canary: Manifest,
    target: tuple[Manifest, Manifest],
    service: Manifest | None,
    known: tuple[Sequence[Manifest], list[Finding]],
) -> list[Manifest]:
    """What goes on as it is: all but what is Flagger's."""
    manifests, findings = known
    kept: list[Manifest] = []
    name = routes_of.service_name(canary)
    for one in manifests:
        if one is canary or _is_used(canary, one):
            continue
        is_service = one.text("kind") == "Service" and name_of(one) == name and _near(canary, one)
        if one is target[0]:
            kept.append(target[1])
        elif is_service and one is not service:
            continue
        elif why := _why_not_kept(canary, target[0], one):
            findings.append(loss(f"{NAME}-not-written", one, ("kind",), f"it is not among the files: {why}"))
        else:
            kept.append(_resumed(one))
    return kept


def _is_used(canary: Manifest, known: Manifest) -> bool:
    """Whether an object is a MetricTemplate that the Canary names, which its gates are made of."""
    said = at(canary.value, "spec", key_of_analysis(canary)) or {}
    named = [at(metric, "templateRef", "name") for metric in said.get("metrics") or []]
    return known.text("kind") == "MetricTemplate" and name_of(known) in named


def _why_not_kept(canary: Manifest, target: Manifest, known: Manifest) -> str:
    if _owned(canary, known) or _by_name(canary, target, known):
        return "Flagger has made it, and it goes with the Canary or is made again"
    if known.text("apiVersion").startswith(GROUP) and known.text("kind") in OWN_KINDS:
        return "Flagger alone reads it"
    return why_not_written(known)


def _resumed(known: Manifest) -> Manifest:
    """A ScaledObject without the pause that Flagger has put on it. Source: PauseTargetScaler."""
    annotations = at(known.value, "metadata", "annotations")
    if known.text("kind") != "ScaledObject" or not isinstance(annotations, dict) or PAUSED not in annotations:
        return known
    left = {key: text for key, text in annotations.items() if key != PAUSED}
    metadata = {**known.value["metadata"], "annotations": left}
    return replace(known, value={**known.value, "metadata": metadata}, source="")


def _led_back(known: Manifest, label: tuple[str, str]) -> Manifest:
    """An object that selects the pods of NAME-primary, so that it selects those of NAME; others as they are."""
    value, path = label[1], {"Service": ("selector",)}.get(known.text("kind"), ())
    kind = SELECTORS.get(known.text("kind"))
    places = [path, (kind, "matchLabels")] if kind else [path] if path else []
    for keys in places:
        selector = at(known.value, "spec", *map(str, keys)) if keys else None
        if isinstance(selector, dict) and selector.get(label[0]) == f"{value}{PRIMARY}":
            changed = copy.deepcopy(known.value)
            at(changed, "spec", *map(str, keys))[label[0]] = value
            return replace(known, value=changed, source="")
    return known


def _absent_scaler(canary: Manifest, kept: Sequence[Manifest]) -> Iterator[Finding]:
    """That the autoscaler is not among the manifests: the canary would have none."""
    kind, name = canary.text("spec", "autoscalerRef", "kind"), canary.text("spec", "autoscalerRef", "name")
    if name and not any((known.text("kind"), name_of(known)) == (kind, name) for known in kept):
        message = f"{kind} {name} is not among the manifests: the canary's pods would not be scaled"
        hint = "import it too, as by `hpa` in what kubectl gets"
        yield loss(f"{NAME}-scaler", canary, ("spec", "autoscalerRef"), message, hint)


def _lost_senders(canary: Manifest, kept: Sequence[Manifest]) -> Iterator[Finding]:
    """Routes and Ingresses that send to what goes with the Canary."""
    name = routes_of.service_name(canary)
    for gone in (f"{name}-primary", f"{name}-canary"):
        for known, where in senders(gone, namespace_of(canary), kept):
            message = f"it sends requests to Service {gone}, which goes with the Canary"
            yield refusal(f"{NAME}-backends", known, where, message, f"let it send to Service {name}")


# --- the analysis -----------------------------------------------------------


def _analysis(
    canary: Manifest,
    provider: str,
    known: tuple[Sequence[Manifest], dict[str, Any]],
    findings: list[Finding],
) -> tuple[
    dict[str, str] | bool,
    tuple[dict[str, Any], ...],
    tuple[dict[str, Any], ...],
    dict[str, Any] | None,
]:
    """Testers, phases, gates and Prometheus."""
    manifests, route = known
    key = key_of_analysis(canary)
    said = at(canary.value, "spec", key) or {}
    subject = Subject(canary, ("spec", key), said, provider, _metrics_of(provider, route, manifests))
    testers, phases = analysis_of.course(subject, findings)
    templates = [one for one in manifests if one.text("kind") == "MetricTemplate"]
    asked, prometheus = analysis_of.gates(subject, templates, findings)
    always, last = analysis_of.hooks(subject, findings)
    findings += analysis_of.longer(subject, [*asked, *always])
    if last:
        phases = (*phases[:-1], {**phases[-1], "gates": last})
    return testers, phases, (*asked, *always), prometheus


def _metrics_of(provider: str, route: dict[str, Any], manifests: Sequence[Manifest]) -> str:
    """Whose metrics tell of the route: its Gateway's class where it is known by name, else the provider."""
    parents = {at(parent, "name") for parent in route["spec"]["parentRefs"]}
    classes = [
        known.text("spec", "gatewayClassName")
        for known in manifests
        if known.text("kind") == "Gateway" and name_of(known) in parents
    ]
    return next((known for known in (*classes, provider) if known in GATEWAYS), "")


FLAGGER = Neighbour(NAME, KIND, RESOURCE, FIELDS, LOSSES | OF_ALL, is_here, imported)
