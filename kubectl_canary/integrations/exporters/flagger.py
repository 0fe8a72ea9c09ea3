"""A release → Flagger's Canary, beside the Deployment that it leads.

Flagger makes of the Deployment NAME-primary, which then serves everybody, and leaves the Deployment itself without pods
until a new version comes. The Service and the HTTPRoute are Flagger's from then on.
Source: https://docs.flagger.app/usage/how-it-works, and pkg/canary/deployment_controller.go of Flagger 1.36.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

from kubectl_canary.errors import UsageError
from kubectl_canary.findings import Finding
from kubectl_canary.integrations.exporters import flagger_analysis as analysis_of
from kubectl_canary.integrations.exporters import flagger_service as service_of
from kubectl_canary.integrations.exporters.exported import (
    Destination,
    Exported,
    Exporting,
    Object,
    loss,
    losses_of,
    metadata,
)
from kubectl_canary.integrations.importers.flagger import API, KIND
from kubectl_canary.integrations.importers.flagger_fields import NAME
from kubectl_canary.integrations.importers.flagger_routes import SELECTOR_LABELS

TITLE = "Flagger"
PROVIDER = "gatewayapi:v1"
PRIMARY = "-primary"
LONGEST_LABEL = 63
NO_TIMEOUT = (
    "0s"  # without one SetRoutes of Flagger 1.36.1 writes an empty text in A/B tests, which no cluster takes
)
MADE = {"Deployment": (PRIMARY,), "Service": (PRIMARY, "-canary"), "HorizontalPodAutoscaler": (PRIMARY,)}

FIELDS = {
    "the Deployment": "`targetRef`: it goes along as it is, and Flagger makes NAME-primary of it",
    "the Service": (
        "`service.port`, `portName` (`http` where it has none), `targetPort`, `appProtocol`; with further ports "
        "`portDiscovery`; its labels and annotations are `apex`"
    ),
    "the route": (
        "`service.gatewayRefs`, `hosts`, `match`, `headers`, `rewrite`, `mirror` and `timeout`, of one governed rule"
    ),
    "the autoscaler": "`autoscalerRef`, a HorizontalPodAutoscaler or a ScaledObject of KEDA",
    "the disruption budget": "a second one for NAME-primary beside it",
    "`phases` of shares": "`analysis.stepWeights`, 100 among them",
    "`pause`": "`analysis.interval`, the longest of all phases, so that no share comes earlier",
    "`testers` and `header-only`": "`analysis.match` and `iterations`, where 100% alone follows",
    "`mirror 100%` of all methods": "`analysis.mirror` and `iterations`, where 100% alone follows",
    "`gates` that ask Prometheus": (
        "`analysis.metrics` with a MetricTemplate each, also those of gateways; without a value Flagger's check fails, "
        "and the gate is inconclusive"
    ),
    "`min` and `max` of a gate": "`thresholdRange`",
    "`failureLimit`": "`analysis.threshold`, one more than the fewest of all gates",
    "`gates` that ask a webhook": "`analysis.webhooks` of the type `rollout`",
}
LIMITS = {
    "approval": "Flagger asks a URL whether it may go on; people who agree need a webhook that knows of it.",
    "command": "It runs no command as a gate; its load tester does, behind a webhook.",
    "credentials": "Tokens for Prometheus come from a Secret, and its certificates from no file.",
    "drain": "The canary's pods go as soon as requests are shifted back; no time to drain can be said.",
    "field": "Timeouts of a backend, retries, sessions and CORS are not written into an HTTPRoute.",
    "full": "An A/B test is promoted after its last check: nothing holds while everybody has the new version.",
    "guards": "A step is not held against what the cluster has at that time: Flagger's own status decides.",
    "header-only": "Testers come before shares nowhere: an A/B test and shares that rise exclude each other.",
    "held": "The autoscaler of NAME-primary takes pods away while shares rise, and a way back lacks them.",
    "hundredths": "Weights are whole percents.",
    "metadata": "The Service and the HTTPRoute have the same labels and annotations.",
    "mirror": "By an HTTPRoute it mirrors all requests of all methods, and only where no share rises.",
    "mirror-to": "No phase sends copies to another Service.",
    "names": "Steps have no names.",
    "one-rule": "Its HTTPRoute has one rule; the others of yours move into a route of their own.",
    "pause": "One interval is the length of every step, and at least 10s.",
    "phase-gates": "Every gate is asked at every check, and none in one phase alone.",
    "pods": "The name of the new version's Deployment begins that of the old: expressions may find both.",
    "ports": "Further ports of the Service are the containers', with their numbers and names.",
    "promotion": "The promotion is made by the controller: it cannot be read, reviewed or changed before.",
    "ratio": "No metric of the canary is held against that of the old version.",
    "replicas": "The canary has all its pods from the first step on, and none follow the shares.",
    "requests": "A metric has no least number of requests.",
    "route-name": "The HTTPRoute has the name of the Service.",
    "rules": "Of one HTTPRoute one rule is split; those of other routes, kinds and namespaces are not.",
    "rhythm": "Failed checks are counted over the whole release and all gates, one check an interval.",
    "selectors": "What selects the Deployment's pods by the label that Flagger changes finds none at rest.",
    "service": "The Service is a plain one: it has no other type, address or affinity.",
    "testers": "Testers are led to the canary in A/B tests alone, and not where shares rise.",
    "timeout": "An A/B test needs a timeout of requests, or Flagger writes a route that is refused: 0s, which is none.",
    "ways-back": "There is one way back, to no requests at all, and it is in no file.",
    "webhook": "A webhook is told of the Canary by a body of Flagger's own.",
}


def exported(exporting: Exporting) -> Exported:
    """The Canary, its templates and what goes along.

    Raises UsageError for what Flagger would lead requests elsewhere with, or cannot lead at all.
    """
    deployment = exporting.one("Deployment", exporting.workload.names.stable)
    label = _label(deployment)
    _refuse_clashes(exporting, deployment, label)
    led = service_of.led(exporting)
    service, of_service = service_of.service(exporting, led)
    course = analysis_of.course(exporting, service["match"])
    asked = analysis_of.asked(exporting, course)
    scaler = exporting.scaler
    analysis: Object = {
        "interval": analysis_of.duration(course.interval),
        "threshold": asked.threshold,
        **course.steps,
        **({"metrics": [*asked.metrics]} if asked.metrics else {}),
        **({"webhooks": [*asked.webhooks]} if asked.webhooks else {}),
    }
    canary = {
        "apiVersion": API,
        "kind": KIND,
        "metadata": metadata(deployment, exporting.plan.application.name),
        "spec": {
            "provider": PROVIDER,
            "targetRef": _reference(deployment),
            **({"autoscalerRef": _reference(scaler)} if scaler else {}),
            "service": service,
            "analysis": analysis,
        },
    }
    along = [*_along(exporting, led.route, label), *asked.templates]
    losses = [*led.losses, *of_service, *course.losses, *asked.losses, *_of_all(exporting, scaler, label)]
    if course.is_ab and "timeout" not in service:
        service["timeout"] = NO_TIMEOUT
        losses.append(loss(f"{NAME}-timeout", ("spec", "route"), LIMITS["timeout"]))
    return Exported((*along, *_in_order(canary, led)), losses_of(losses))


def _in_order(canary: Object, led: service_of.Led) -> tuple[Object, ...]:
    """The Canary, and what is left of the route: before it where Flagger takes the route's name."""
    if led.rest is None:
        return (canary,)
    is_renamed = led.rest["metadata"]["name"] != led.route["metadata"]["name"]
    return (led.rest, canary) if is_renamed else (canary, led.rest)


def _reference(known: Object) -> Object:
    return {"apiVersion": known["apiVersion"], "kind": known["kind"], "name": known["metadata"]["name"]}


def _label(deployment: Object) -> tuple[str, str]:
    """The label by which Flagger tells pods. Source: getSelectorLabel."""
    selector = deployment["spec"]["selector"].get("matchLabels") or {}
    for label in SELECTOR_LABELS:
        if label in selector:
            return label, str(selector[label])
    known = next(iter(selector), "LABEL")
    raise UsageError(
        f"the selector of Deployment {deployment['metadata']['name']} has none of the labels by which Flagger tells "
        f"pods: {', '.join(SELECTOR_LABELS)}",
        f"select by one of them, in a new Deployment; Flagger itself can be told another: -selector-labels={known}",
    )


def _refuse_clashes(exporting: Exporting, deployment: Object, label: tuple[str, str]) -> None:
    """Raises UsageError where what Flagger makes has a name that is taken or too long, or would select other pods."""
    service = exporting.workload.service.names.stable
    for text in (service, label[1]):
        if len(text) + len(PRIMARY) > LONGEST_LABEL:
            raise UsageError(f"{text}{PRIMARY} is longer than {LONGEST_LABEL} characters", "a shorter name")
    bases = {"Deployment": deployment["metadata"]["name"], "Service": service}
    for known in _beside(exporting):
        kind, name = known["kind"], known["metadata"]["name"]
        if name in {f"{bases[kind]}{ending}" for ending in MADE[kind]} if kind in bases else ():
            raise UsageError(
                f"{kind} {name} is there already, and Flagger makes one of that name", "rename it"
            )
        template = known.get("spec", {}).get("template") if isinstance(known.get("spec"), dict) else None
        is_other = (kind, name) != ("Deployment", bases["Deployment"]) and isinstance(template, dict)
        if is_other and ((template or {}).get("metadata") or {}).get("labels", {}).get(label[0]) == label[1]:
            message = f"{kind} {name} has pods with {label[0]}={label[1]} too, by which alone Flagger's Services select"
            raise UsageError(message, "another value of that label, or another label: -selector-labels")


def _beside(exporting: Exporting) -> Iterator[Object]:
    """The objects in the Deployment's namespace."""
    yield from filter(exporting.is_here, exporting.objects)


# --- what goes along --------------------------------------------------------


def _along(exporting: Exporting, route: Object, label: tuple[str, str]) -> Iterator[Object]:
    """What is not made again by Flagger; a disruption budget comes twice, since pods of two names serve."""
    service = exporting.workload.service.names.stable
    gone = {("Service", service), ("HTTPRoute", route["metadata"]["name"])}
    for known in copy.deepcopy(exporting.objects):
        is_here = exporting.is_here(known)
        if (known["kind"], known["metadata"]["name"]) in gone and is_here:
            continue
        yield known
        if known["kind"] == "PodDisruptionBudget" and is_here and _asks(known, label):
            yield _of_primary(known, label)


def _asks(known: Object, label: tuple[str, str]) -> bool:
    """Whether a selector of the object asks for the label that Flagger changes."""
    spec = known.get("spec")
    selectors = [spec.get("selector"), spec.get("podSelector")] if isinstance(spec, dict) else []
    maps = [known.get("matchLabels", known) for known in selectors if isinstance(known, dict)]
    return any(isinstance(labels, dict) and labels.get(label[0]) == label[1] for labels in maps)


def _of_primary(budget: Object, label: tuple[str, str]) -> Object:
    """The budget for the pods of NAME-primary."""
    made = copy.deepcopy(budget)
    made["metadata"]["name"] += PRIMARY
    made["spec"]["selector"]["matchLabels"][label[0]] = f"{label[1]}{PRIMARY}"
    return made


# --- what is lost -----------------------------------------------------------


def _of_all(exporting: Exporting, scaler: Object | None, label: tuple[str, str]) -> Iterator[Finding]:
    """What is lost of the release as a whole."""
    for rule in ("promotion", "ways-back", "guards"):
        yield loss(f"{NAME}-{rule}", ("spec",), LIMITS[rule])
    application = exporting.plan.application
    if application.drain:
        yield loss(f"{NAME}-drain", ("spec", "drain"), f"{application.drain}s: {LIMITS['drain']}")
    fewer = [phase.name for phase in exporting.phases if phase.pods[0].canary != phase.pods[0].stable]
    if fewer:
        message = f"{', '.join(fewer)}: the canary has as many pods as the Deployment or its autoscaler says"
        yield loss(f"{NAME}-replicas", ("spec", "phases"), message)
    if scaler:
        yield loss(f"{NAME}-held", ("spec", "autoscaling"), LIMITS["held"])
    yield from _of_selectors(exporting, label)


def _of_selectors(exporting: Exporting, label: tuple[str, str]) -> Iterator[Finding]:
    """What selects the Deployment's pods, and has none when Flagger is at rest."""
    service = exporting.workload.service.names.stable
    made_again: Sequence[str] = ("Deployment", "PodDisruptionBudget")
    for known in _beside(exporting):
        name = known["metadata"]["name"]
        if known["kind"] in made_again or (known["kind"], name) == ("Service", service):
            continue
        if _asks(known, label):
            message = f"{known['kind']} {name} selects {label[0]}={label[1]}, and {label[1]}{PRIMARY} serves"
            yield loss(f"{NAME}-selectors", ("spec", "adopt"), message, f"select {label[1]}{PRIMARY} too")


FLAGGER = Destination(NAME, TITLE, FIELDS, LIMITS, exported)
