"""The objects of a cluster → the manifests of what is released, as somebody could have written them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api.catalog import Target, gateway_targets, newest
from kubectl_canary.api.defaults import undefaulted
from kubectl_canary.errors import UsageError
from kubectl_canary.reading import choices, yamltext
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release.adoption import CONFIG_MAP, SERVICE
from kubectl_canary.release.application import OWN_LABEL, OWN_PREFIX, OWNER, ROUTE_KINDS
from kubectl_canary.release.companions import SCALERS, SELECTORS, config_names, is_scaler_of
from kubectl_canary.release.selectors import selects

Object = dict[str, Any]
KINDS = (
    "deployments.apps",
    "services",
    "httproutes.gateway.networking.k8s.io",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "networkpolicies.networking.k8s.io",
    "configmaps",
)
# kinds that a cluster may not have
OPTIONAL = (
    "grpcroutes.gateway.networking.k8s.io",
    "tcproutes.gateway.networking.k8s.io",
    "tlsroutes.gateway.networking.k8s.io",
    "scaledobjects.keda.sh",
)
TRACKING = ("kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision")
ADDRESSES = ("clusterIP", "clusterIPs", "ipFamilies", "healthCheckNodePort")
FIRST = ("apiVersion", "kind", "metadata", "name", "image")


@dataclass(frozen=True)
class Snapshot:
    """Manifests by the names of their files, the Secrets that the pods use, and who makes each Deployment."""

    texts: dict[str, str]
    secrets: tuple[str, ...]
    owners: dict[str, str]


def snapshot(objects: Sequence[Object], deployments: Sequence[str]) -> Snapshot:
    """What belongs to Deployments of a cluster.

    Raises UsageError where there is no such Deployment, or several and none is named, or a release is under way.
    """
    listed = [_manifest(value) for value in objects]
    if not any(known.text("kind") == "Deployment" for known in listed):
        raise UsageError("no Deployment in this namespace", "-n names another, --context another cluster")
    workloads = [chosen.manifest for chosen in choices.deployments(listed, deployments)]
    chosen = [known for known in listed if _is_taken(known, workloads)]
    chosen += [known for known in listed if known.text("kind") in ROUTE_KINDS and _leads(known, chosen)]
    for known in chosen:
        _refuse_released(known.value)
    clean = [cleaned(known.value, is_scaled(known, chosen)) for known in chosen]
    texts = {_file(value): f"{yamltext.block(value, 0)}\n" for value in clean}
    secrets = {name for workload in workloads for name in secret_names(_pod(workload.value))}
    owners = {_name(workload.value): _owner(workload.value) for workload in workloads}
    return Snapshot(texts, tuple(sorted(secrets)), owners)


def _manifest(value: Object) -> Manifest:
    return Manifest(yamltext.Document("the cluster", value), 0, value)


def _api(value: Object) -> tuple[str, str]:
    return value["apiVersion"], value["kind"]


def _name(value: Object) -> str:
    return str(value["metadata"]["name"])


def _file(value: Object) -> str:
    return f"{value['kind'].lower()}-{_name(value)}.yaml"


def _pod(workload: Object) -> Object:
    pod: Object = workload["spec"]["template"]["spec"]
    return pod


# --- what belongs to a Deployment -----------------------------------------------------


def _is_taken(known: Manifest, workloads: Sequence[Manifest]) -> bool:
    """Whether an object is one of the Deployments, or belongs to one."""
    return any(known is workload or _belongs(known, workload) for workload in workloads)


def is_scaled(known: Manifest, chosen: Sequence[Manifest]) -> bool:
    """Whether a scaler decides how many pods a Deployment has."""
    scalers = [other.value for other in chosen if other.text("kind") in SCALERS]
    return known.text("kind") == "Deployment" and any(
        is_scaler_of(scaler, _name(known.value)) for scaler in scalers
    )


def _belongs(known: Manifest, workload: Manifest) -> bool:
    """Whether an object serves, scales, protects or configures the Deployment's pods."""
    value, kind = known.value, known.text("kind")
    if _owner(value):  # as KEDA's autoscaler is: its owner makes it again
        return False
    if _api(value) == SERVICE:
        return choices.selected_by(known, workload)
    if _api(value) == CONFIG_MAP:
        return _name(value) in config_names(_pod(workload.value))
    if kind in SCALERS:
        return is_scaler_of(value, _name(workload.value))
    labels = workload.value["spec"]["template"]["metadata"].get("labels") or {}
    return kind in SELECTORS and selects(value["spec"].get(SELECTORS[kind]) or {}, labels)


def _owner(value: Object) -> str:
    """The controller that makes an object; empty where somebody applied it."""
    owners = value["metadata"].get("ownerReferences") or ()
    return next((f"{owner['kind']} {owner['name']}" for owner in owners if owner.get("controller")), "")


def _leads(route: Manifest, chosen: Sequence[Manifest]) -> bool:
    """Whether a route sends to one of the Services."""
    return any(
        choices.sending_rules(route, known, known.text("metadata", "namespace") or None)
        for known in chosen
        if _api(known.value) == SERVICE
    )


def _refuse_released(value: Object) -> None:
    metadata = value["metadata"]
    keys = [*(metadata.get("annotations") or ()), *(metadata.get("labels") or ())]
    is_ours = (metadata.get("labels") or {}).get(OWN_LABEL) == OWNER
    if is_ours or any(key.startswith(OWN_PREFIX) for key in keys):
        raise UsageError(
            f"{value['kind']} {_name(value)} is of a canary file already",
            "end its release first, or go on with that file",
        )


def secret_names(pod: Object) -> set[str]:
    """The names of the Secrets that a pod uses, wherever it names them."""
    return {name for name in _secrets(pod) if name}


def _secrets(pod: Object) -> Iterator[str]:
    yield from (str(ref.get("name", "")) for ref in pod.get("imagePullSecrets") or ())
    for container in (*(pod.get("initContainers") or ()), *(pod.get("containers") or ())):
        for source in container.get("envFrom") or ():
            yield str((source.get("secretRef") or {}).get("name", ""))
        for variable in container.get("env") or ():
            yield str(((variable.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name", ""))
    for volume in pod.get("volumes") or ():
        yield str((volume.get("secret") or {}).get("secretName", ""))
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield str((source.get("secret") or {}).get("name", ""))


# --- as somebody could have written it ------------------------------------------------


def written(value: Object, is_scaled: bool = False) -> Object:
    """A copy of an object as somebody writes it: of one that comes from a cluster, without what that has added."""
    return cleaned(value, is_scaled) if "uid" in (value.get("metadata") or {}) else copy.deepcopy(value)


def cleaned(value: Object, is_scaled: bool = False) -> Object:
    """The object without status, identity, addresses and defaults, and without what a scaler decided.

    Defaults are those of the oldest Gateway API: later ones have more, which the cluster may not fill in again.
    """
    clean = copy.deepcopy({key: child for key, child in value.items() if key != "status"})
    clean["metadata"] = _metadata(clean["metadata"])
    if _api(clean) == SERVICE:
        clean["spec"] = _without_addresses(clean["spec"])
    if "template" in (clean.get("spec") or {}):
        _clean_template(clean["spec"]["template"])
    if is_scaled and clean["kind"] == "Deployment" and not _says_replicas(value):
        clean["spec"].pop("replicas", None)
    ordered: Object = _ordered(undefaulted(clean, _oldest(clean)))
    return ordered


def _oldest(value: Object) -> Target:
    """The oldest release that has the object's kind: what it fills in, every later one does."""
    known = (target for target in gateway_targets(newest("kubernetes")) if target.find(*_api(value)))
    return next(known, Target())


def _metadata(metadata: Object) -> Object:
    """What a user writes of it; owners and finalizers are the controllers'."""
    annotations = {
        key: text for key, text in (metadata.get("annotations") or {}).items() if key not in TRACKING
    }
    kept = {key: metadata[key] for key in ("name", "namespace", "labels") if metadata.get(key)}
    return {**kept, **({"annotations": annotations} if annotations else {})}


def _says_replicas(workload: Object) -> bool:
    """Whether whoever applied a Deployment wrote its replicas: apply would take away what the next file leaves out."""
    text = (workload["metadata"].get("annotations") or {}).get(TRACKING[0])
    applied = yamltext.read(text, "the cluster")[0].value if text else {}
    return "replicas" in (applied.get("spec") or {})


def _without_addresses(spec: Object) -> Object:
    """A Service's spec without the addresses that it was given; that it has none is said, and stays."""
    named = {"ipFamilies"} if spec.get("ipFamilyPolicy", "SingleStack") != "SingleStack" else set()
    named |= {"clusterIP"} if spec.get("clusterIP") == "None" else set()
    return {key: child for key, child in spec.items() if key not in ADDRESSES or key in named}


def _clean_template(template: Object) -> None:
    """Take out what the server copies into a pod's template."""
    template.get("metadata", {}).pop("creationTimestamp", None)
    pod = template.get("spec", {})
    if pod.get("serviceAccount") == pod.get("serviceAccountName"):
        pod.pop("serviceAccount", None)


def _ordered(value: Any) -> Any:
    """With names first, as people write it."""
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if not isinstance(value, dict):
        return value
    keys = sorted(value, key=lambda key: FIRST.index(key) if key in FIRST else len(FIRST))
    return {key: _ordered(value[key]) for key in keys}
