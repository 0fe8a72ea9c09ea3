"""The way from Argo Rollouts to the files: no pod goes while requests reach it.

The controller writes its hash into a Service as long as a Rollout names it (service/service.go, syncService).
ReplicaSets that a deleted Rollout left would be the Deployment's next, since its selector has them: they go with the
Rollout, once the Service has the new pods alone, which are known by the hash of their own ReplicaSet.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

from kubectl_canary.integrations.importers.argo_rollouts_routes import ROUTING
from kubectl_canary.integrations.importers.belongings import deletion, namespace_of
from kubectl_canary.integrations.importers.imported import BROUGHT, HOLD_BACK, file_of
from kubectl_canary.reading.adopted.objects import at, name_of
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass

RESOURCE = "rollouts.argoproj.io"  # OpenKruise has rollouts, too
HASH = "rollouts-pod-template-hash"
POD_HASH = "pod-template-hash"  # which a Deployment gives to the pods of each of its versions
MANAGED = "argo-rollouts.argoproj.io/managed-by-rollouts"
ROUTERS = ("istio", "nginx", "alb", "smi", "ambassador", "appMesh", "traefik", "apisix")
# what lets the Rollout lead Services and routes, and what it may not say without (validation.go)
FREED = (
    "stableService",
    "canaryService",
    "pingPong",
    "trafficRouting",
    "steps",
    "analysis",
    "scaleDownDelaySeconds",
    "dynamicStableScale",
)
TO_NEW = {
    "spec": {"selector": {HASH: None, POD_HASH: "$hash"}},
    "metadata": {"annotations": {MANAGED: None}},
}


def has_another_router(rollout: Manifest) -> bool:
    """Whether something else than the Gateway API's plugin splits requests, too."""
    return any(key in (at(rollout.value, *ROUTING) or {}) for key in ROUTERS)


@dataclass(frozen=True)
class Way:
    """The steps of one Rollout, in whose place the Deployment comes. `scalers` scale it then."""

    rollout: Manifest
    deployment: dict[str, Any]
    stable: Manifest
    canary: Manifest | None
    scalers: tuple[Manifest, ...]

    @property
    def name(self) -> str:
        """The Rollout as kubectl names it."""
        return f"{RESOURCE}/{name_of(self.rollout)}{self._space}"

    @property
    def service(self) -> str:
        """The stable Service as kubectl names it."""
        return f"service/{name_of(self.stable)}{self._space}"

    @property
    def _space(self) -> str:
        namespace = namespace_of(self.rollout)
        return f" -n {shlex.quote(namespace)}" if namespace else ""

    def steps(self) -> Iterator[str]:
        """The steps, each with its command where there is one."""
        yield HOLD_BACK
        yield (
            f"See that the Rollout is at rest, Healthy and with the same hash twice: kubectl get {self.name} "
            "-o jsonpath='{.status.phase} {.status.stableRS} {.status.currentPodHash}'"
        )
        yield from self._deployment_gets_pods()
        yield from self._requests_come_to_it()
        yield from self._rollout_goes()
        yield BROUGHT
        yield "{start}"

    def _deployment_gets_pods(self) -> Iterator[str]:
        name = f"deployment/{self.deployment['metadata']['name']}{self._space}"
        if at(self.rollout.value, "spec", "workloadRef"):
            never = {"spec": {"workloadRef": {"scaleDown": "never"}}}
            yield f"Let the controller leave the Deployment's pods alone: {_patch(self.name, _quoted(never))}"
        else:
            file = file_of(self.deployment)
            yield f"Make the Deployment beside the Rollout, of the same version: kubectl apply -f {file}"
        replicas = f"$(kubectl get {self.name} -o jsonpath='{{.spec.replicas}}')"
        yield (
            "Give it as many pods as the Rollout has, for which the cluster needs room: "
            f"kubectl scale {name} --replicas={replicas} && kubectl rollout status {name}"
        )
        for known in self.scalers:
            file = file_of(known.value)
            yield f"Let {known.title} scale the Deployment, and the Rollout no more: kubectl apply -f {file}"

    def _requests_come_to_it(self) -> Iterator[str]:
        free = {"spec": {"strategy": {"canary": dict.fromkeys(FREED)}}}
        yield f"Take Services and routes out of the Rollout; its pods go on: {_patch(self.name, _quoted(free))}"
        path = f"'{{.items[0].metadata.labels.{POD_HASH}}}'"
        pods = f"kubectl get pods{self._space} -l {self._only_new()} -o jsonpath={path}"
        yield (
            "Lead the Service to the new pods alone, which serve from then on: "
            f"hash=$({pods}) && {_patch(self.service, _in_shell(TO_NEW))}"
        )
        label = f"kubernetes.io/service-name={name_of(self.stable)}"
        slices = f"kubectl get endpointslices{self._space} -l {label}"
        yield f"See that it has their addresses, and no others: {slices}"
        yield "Apply the routes, and wait until the Gateway has accepted them: {apply}"
        if has_another_router(self.rollout):
            yield (
                "Ask the Gateway at its own address, let DNS name it, and wait until the old answer has expired "
                "everywhere; then take away what the other router has"
            )

    def _only_new(self) -> str:
        """What selects the Deployment's pods, and none of the Rollout's."""
        labels = at(self.deployment, "spec", "selector", "matchLabels") or {}
        return shlex.quote(",".join([*(f"{key}={text}" for key, text in labels.items()), f"!{HASH}"]))

    def _rollout_goes(self) -> Iterator[str]:
        yield (
            "Once the old pods have answered their last requests, let them end: "
            f"kubectl scale {self.name} --replicas=0"
        )
        yield f"Once they have ended, take the Rollout away, and its ReplicaSets with it: kubectl delete {self.name}"
        own = {"spec": {"selector": {POD_HASH: None}}}
        yield (
            "Let the Service select by labels of yours alone, as its file does: "
            f"{_patch(self.service, _quoted(own))}"
        )
        if self.canary is not None:
            yield f"Take away the canary's Service, which no route names any more: {deletion([self.canary])}"


def _patch(target: str, said: str) -> str:
    """A command that changes an object as RFC 7386 says: null takes a field out."""
    return f"kubectl patch {target} --type merge -p {said}"


def _quoted(value: dict[str, Any]) -> str:
    return shlex.quote(json.dumps(value, separators=(",", ":")))


def _in_shell(value: dict[str, Any]) -> str:
    """The same with a variable of the shell's in it, such as `$hash`."""
    text = json.dumps(value, separators=(",", ":")).replace('"', '\\"')
    return f'"{text}"'
