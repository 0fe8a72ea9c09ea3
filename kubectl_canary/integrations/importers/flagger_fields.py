"""The fields of Flagger's Canary: of which type each is, and which have no counterpart.

Source: pkg/apis/flagger/v1beta1/canary.go and pkg/apis/istio/v1alpha3 of Flagger 1.36.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers.imported import loss, refusal
from kubectl_canary.reading.adopted.objects import at
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass

NAME = "flagger"
TEXT, NUMBER, WHOLE, FLAG, PORT = (
    "a text",
    "a number",
    "a whole number",
    "true or false",
    "a number or a text",
)
TYPES: dict[str, tuple[type, ...]] = {
    TEXT: (str,),
    NUMBER: (int, float),
    WHOLE: (int,),
    FLAG: (bool,),
    PORT: (int, str),
}
ANY = "*"  # the keys of a map that are the user's


@dataclass(frozen=True)
class Lost:
    """A field that does not become anything: the rule that says so, and why."""

    rule: str
    why: str
    hint: str = ""


def key_of_analysis(canary: Manifest) -> str:
    """Where the analysis stands; `canaryAnalysis` is its old name. Source: GetAnalysis."""
    return "analysis" if at(canary.value, "spec", "analysis") is not None else "canaryAnalysis"


def _of_mesh(what: str, hint: str = "") -> Lost:
    return Lost("mesh", f"{what}, which an HTTPRoute does not say", hint)


TEXTS = {ANY: TEXT}
METADATA = {"labels": TEXTS, "annotations": TEXTS}
STRING = {"exact": TEXT, "prefix": TEXT, "suffix": TEXT, "regex": TEXT}
NARROWER = "Flagger ignores this condition of a match where it makes an HTTPRoute"
MATCH = {
    "name": Lost("mesh", "the name of a match is for logs"),
    "uri": STRING,
    "method": STRING,
    "headers": {ANY: STRING},
    "queryParams": {ANY: STRING},
    "scheme": Lost("match", NARROWER),
    "authority": Lost("match", NARROWER, "`hosts` says hostnames"),
    "port": Lost("match", NARROWER),
    "sourceLabels": Lost("match", NARROWER),
    "gateways": Lost("match", NARROWER),
    "ignoreUriCase": Lost("match", NARROWER),
    "withoutHeaders": Lost("match", NARROWER),
    "sourceNamespace": Lost("match", NARROWER),
}
HEADERS = {"set": TEXTS, "add": TEXTS, "remove": [TEXT]}
REFERENCE = {
    "group": TEXT,
    "kind": TEXT,
    "namespace": TEXT,
    "name": TEXT,
    "sectionName": TEXT,
    "port": WHOLE,
}
TARGET = {"apiVersion": TEXT, "kind": TEXT, "name": TEXT}
SERVICE = {
    "name": TEXT,
    "port": WHOLE,
    "portName": TEXT,
    "targetPort": PORT,
    "appProtocol": TEXT,
    "portDiscovery": FLAG,
    "timeout": TEXT,
    "gateways": _of_mesh("a Gateway of Istio's own kind", "--gateway names one of the Gateway API"),
    "gatewayRefs": [REFERENCE],
    "hosts": [TEXT],
    "delegation": _of_mesh("delegation is of Istio's VirtualServices"),
    "trafficPolicy": _of_mesh("a policy of Istio's DestinationRules", "write the DestinationRule by hand"),
    "match": [MATCH],
    "rewrite": {"uri": TEXT, "authority": TEXT, "type": TEXT},
    "retries": _of_mesh("Flagger's HTTPRoutes have no retries either", "a rule's `retry`, since v1.7"),
    "headers": {"request": HEADERS, "response": HEADERS},
    "mirror": [{"backendRef": REFERENCE}],
    "corsPolicy": _of_mesh("Flagger's HTTPRoutes have no CORS either", "an HTTPRoute has a `CORS` filter"),
    "meshName": _of_mesh("a mesh of App Mesh"),
    "backends": _of_mesh("backends are of App Mesh"),
    "apex": METADATA,
    "primary": Lost("metadata", "a release has no Service of this kind", "labels go to the Service itself"),
    "canary": Lost("metadata", "the release makes this Service with the labels of the other"),
}
METRIC = {
    "name": TEXT,
    "interval": TEXT,
    "threshold": NUMBER,
    "thresholdRange": {"min": NUMBER, "max": NUMBER},
    "query": TEXT,
    "templateRef": {"apiVersion": TEXT, "kind": TEXT, "name": TEXT, "namespace": TEXT},
    "templateVariables": TEXTS,
}
WEBHOOK = {
    "type": TEXT,
    "name": TEXT,
    "url": TEXT,
    "muteAlert": FLAG,
    "timeout": TEXT,
    "metadata": TEXTS,
    "retries": WHOLE,
}
READY = Lost("readiness", "a phase waits for every pod of the canary", "`rollout status` of both Deployments")
AFFINITY = (
    "clients that got the canary keep it by a cookie while Flagger's analysis lasts, and here they do not"
)
ANALYSIS = {
    "interval": TEXT,
    "iterations": WHOLE,
    "mirror": FLAG,
    "mirrorWeight": WHOLE,
    "maxWeight": WHOLE,
    "stepWeight": WHOLE,
    "stepWeights": [WHOLE],
    "stepWeightPromotion": Lost("promotion", "the promotion here is one step from 100% to the new stable"),
    "threshold": WHOLE,
    "primaryReadyThreshold": READY,
    "canaryReadyThreshold": READY,
    "alerts": Lost(
        "alerts", "nobody is told by a message", "`kubectl canary run` ends with another exit code"
    ),
    "metrics": [METRIC],
    "webhooks": [WEBHOOK],
    "match": [MATCH],
    "sessionAffinity": Lost("affinity", AFFINITY),
}
ELSEWHERE = "the requests that it leads stay with it: the release splits those of the HTTPRoute alone"
SPEC = {
    "provider": TEXT,
    "metricsServer": TEXT,
    "targetRef": TARGET,
    "autoscalerRef": {
        "apiVersion": TEXT,
        "kind": TEXT,
        "name": TEXT,
        "primaryScalerQueries": Lost("scaler", "stable keeps the scaler of the target as it is"),
        "primaryScalerReplicas": Lost(
            "scaler", "stable keeps the scaler of the target", "write the numbers there"
        ),
    },
    "ingressRef": Lost("ingress", ELSEWHERE, "DNS goes from the Ingress to the Gateway"),
    "routeRef": Lost("ingress", ELSEWHERE, "DNS goes from APISIX to the Gateway"),
    "upstreamRef": _of_mesh("an Upstream of Gloo"),
    "service": SERVICE,
    "analysis": ANALYSIS,
    "canaryAnalysis": ANALYSIS,
    "progressDeadlineSeconds": Lost(
        "readiness", "no release goes back by itself after that time", "the Deployment's own field stays"
    ),
    "skipAnalysis": Lost("skip-analysis", "Flagger promotes at once, and here the phases are gone through"),
    "revertOnDeletion": FLAG,
    "suspend": FLAG,
}


def findings_of(canary: Manifest) -> list[Finding]:
    """Every field of a Canary that is of a wrong type, as a refusal, and that has no counterpart, as a loss."""
    return [*_findings(canary, SPEC, canary.value.get("spec"), ("spec",))]


def _findings(canary: Manifest, known: Any, value: Any, path: Path) -> Iterator[Finding]:
    if isinstance(known, Lost):
        if value:
            yield loss(f"{NAME}-{known.rule}", canary, path, f"{path[-1]}: {known.why}", known.hint)
    elif isinstance(known, str):
        if not _is(known, value):
            yield _wrong(canary, path, known)
    elif isinstance(known, list):
        if not isinstance(value, list):
            yield _wrong(canary, path, "a list")
            return
        for number, item in enumerate(value):
            yield from _findings(canary, known[0], item, (*path, number))
    elif not isinstance(value, dict):
        yield _wrong(canary, path, "a map")
    else:
        for key, child in value.items():
            yield from _of_key(canary, known, (str(key), child), path)


def _is(known: str, value: Any) -> bool:
    """Whether a value is of a type; infinity and what is not a number are no numbers, true and false neither."""
    if isinstance(value, bool) or not isinstance(value, TYPES[known]):
        return known == FLAG and isinstance(value, bool)
    return not isinstance(value, float) or math.isfinite(value)


def _of_key(canary: Manifest, known: dict[str, Any], field: tuple[str, Any], path: Path) -> Iterator[Finding]:
    key, child = field
    if child is None and ANY not in known:  # as if it were not there
        return
    if key in known or ANY in known:
        yield from _findings(canary, known.get(key, known.get(ANY)), child, (*path, key))
    else:
        message = f"{key} is no field of Flagger's that is known here: it does not become anything"
        yield loss(f"{NAME}-unknown", canary, (*path, key), message)


def _wrong(canary: Manifest, path: Path, what: str) -> Finding:
    return refusal(f"{NAME}-invalid", canary, path, f"{path[-1]} is not {what}", "Flagger refuses it, too")
