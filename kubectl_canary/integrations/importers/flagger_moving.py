"""The way from Flagger to the files: both Deployments serve until the Canary goes, so that no request is lost.

Source: pkg/controller/scheduler.go, pkg/canary/deployment_controller.go and pkg/router/gateway_api.go of Flagger 1.36.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

from kubectl_canary.integrations.importers.belongings import namespace_of
from kubectl_canary.integrations.importers.flagger_fields import key_of_analysis
from kubectl_canary.integrations.importers.flagger_routes import service_name
from kubectl_canary.integrations.importers.imported import BROUGHT, HOLD_BACK, file_of
from kubectl_canary.reading.adopted.objects import at, name_of
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass

RESOURCE = "canaries.flagger.app"
PRIMARY = "-primary"
PAUSED = "autoscaling.keda.sh/paused-replicas"
GATEWAY_API = "gatewayapi"
HPA, KEDA = "HorizontalPodAutoscaler", "ScaledObject"


@dataclass(frozen=True)
class Way:
    """The steps of one Canary. `label` tells the target's pods; `changed` select those of NAME-primary."""

    canary: Manifest
    label: tuple[str, str]
    provider: str
    route: dict[str, Any]
    changed: tuple[Manifest, ...]

    @property
    def target(self) -> str:
        """The Deployment that the Canary leads."""
        return self.canary.text("spec", "targetRef", "name")

    @property
    def service(self) -> str:
        """The Service in front of it, of whose name the HTTPRoute is, too."""
        return service_name(self.canary)

    @property
    def flagger(self) -> str:
        """The Canary as kubectl names it."""
        return f"{RESOURCE}/{name_of(self.canary)}"

    @property
    def leads_a_route(self) -> bool:
        """Whether Flagger's route is an HTTPRoute: else requests come another way until DNS names the Gateway."""
        return self.provider.startswith(GATEWAY_API)

    def scaler(self, kind: str) -> str:
        """The name of the autoscaler; empty where it is of another kind."""
        said = at(self.canary.value, "spec", "autoscalerRef") or {}
        return str(said.get("name")) if said.get("kind") == kind else ""

    def steps(self) -> Iterator[str]:
        """The steps, each with its command where there is one."""
        yield HOLD_BACK
        yield from self._flagger_rests()
        yield from self._target_gets_pods()
        yield from self._requests_come_to_the_target()
        yield from self._canary_goes()
        yield BROUGHT
        yield "{start}"

    def _kubectl(self, verb: str, names: str, more: str = "") -> str:
        namespace = namespace_of(self.canary)
        return f"kubectl {verb} {names}{f' -n {namespace}' if namespace else ''}{f' {more}' if more else ''}"

    def _patch(self, name: str, value: Any, how: str = "merge") -> str:
        text = shlex.quote(json.dumps(value, separators=(",", ":")))
        return self._kubectl("patch", name, f"--type={how} -p {text}")

    def _of(self, name: str, path: str) -> str:
        """What a shell puts in the place of a field of an object."""
        shown = f"-o jsonpath='{{{path}}}'"
        return f"$({self._kubectl('get', name, shown)})"

    def _flagger_rests(self) -> Iterator[str]:
        phase = self._kubectl("get", self.flagger, "-o jsonpath='{.status.phase}'")
        yield f"Wait until Flagger is at rest, Initialized or Succeeded: {phase}"
        stop = self._patch(self.flagger, {"spec": {"suspend": True, "revertOnDeletion": False}})
        older = "Flagger 1.32 or newer; before, scale Flagger itself to 0"
        yield f"Stop it, and let it revert nothing later ({older}): {stop}"

    def _target_gets_pods(self) -> Iterator[str]:
        target, primary = f"deployment/{self.target}", f"deployment/{self.target}{PRIMARY}"
        if scaler := self.scaler(KEDA):
            yield f"Let KEDA scale again: {self._kubectl('annotate', f'scaledobject/{scaler}', f'{PAUSED}-')}"
        replicas = self._of(primary, ".spec.replicas")
        scale = self._kubectl("scale", target, f'--replicas="{replicas}"')
        rolled = self._kubectl("rollout status", target)
        yield f"Give Deployment {self.target} as many pods as {self.target}{PRIMARY} has: {scale} && {rolled}"
        if scaler := self.scaler(HPA):
            most = self._of(f"hpa/{scaler}{PRIMARY}", ".spec.maxReplicas")
            said = f'"{{\\"spec\\":{{\\"minReplicas\\":{replicas},\\"maxReplicas\\":{most}}}}}"'
            held = self._kubectl("patch", f"hpa/{scaler}", f"--type=merge -p {said}")
            yield f"Hold its autoscaler there, since its pods are idle at first: {held}"

    def _requests_come_to_the_target(self) -> Iterator[str]:
        kinds = ["service", *(["httproute"] if self.leads_a_route else [])]
        nobodys = {"metadata": {"ownerReferences": None}}
        commands = " && ".join(self._patch(f"{kind}/{self.service}", nobodys) for kind in kinds)
        yield f"Take from Flagger what stays, so that it does not go with the Canary: {commands}"
        led = self._patch(f"service/{self.service}", {"spec": {"selector": dict([self.label])}})
        slices = self._kubectl("get", "endpointslices", f"-l kubernetes.io/service-name={self.service}")
        yield (
            f"Lead Service {self.service} to the pods of {self.target}, and see that its endpoints are these: "
            f"{led} && {slices}"
        )
        if self.leads_a_route:
            known = self._patch(f"httproute/{self.service}", self._known(), "json")
            yield f"Let the Gateway know the Service before requests come to it, as a backend without a share: {known}"
        accepted = self._kubectl(
            "get", f"httproute/{self.service}", "-o jsonpath='{.status.parents[*].conditions}'"
        )
        yield f"Apply the route, and wait until the Gateway has accepted it: {{apply}} && {accepted}"
        if not self.leads_a_route:
            hosts = ", ".join(self.route["spec"].get("hostnames") or ()) or "the hosts"
            yield (
                f"Ask the Gateway at its own address, then let DNS name that address for {hosts}, and wait until "
                "nobody asks the old way any more"
            )

    def _known(self) -> list[dict[str, Any]]:
        """The Service in each rule of Flagger's route, which has two in an A/B test. RFC 6902 operations.

        A gateway that meets a Service together with all its requests may have no endpoint of it yet.
        """
        is_ab = bool(at(self.canary.value, "spec", key_of_analysis(self.canary), "match"))
        value = {**self.route["spec"]["rules"][0]["backendRefs"][0], "weight": 0}
        return [
            {"op": "add", "path": f"/spec/rules/{number}/backendRefs/-", "value": value}
            for number in range(2 if is_ab else 1)
        ]

    def _canary_goes(self) -> Iterator[str]:
        primary, service = f"{self.target}{PRIMARY}", self.service
        if self.changed:
            files = " ".join(f"-f {file_of(known.value)}" for known in self.changed)
            yield f"Lead to {self.target} what selects the pods of {primary}: kubectl apply {files}"
        gone = f"service/{service}{PRIMARY} service/{service}-canary deployment/{primary}"
        commands = (
            self._kubectl("delete", self.flagger),
            self._kubectl("wait --for=delete", gone, "--timeout=5m"),
        )
        yield (
            f"Once the last requests to {primary} have been answered, delete the Canary, and with it go its pods and "
            f"the Services {service}{PRIMARY} and {service}-canary, whose names the release needs: "
            f"{' && '.join(commands)}"
        )
        if scaler := self.scaler(HPA):
            file = file_of({"kind": HPA, "metadata": {"name": scaler}})
            yield f"Let the autoscaler go its own way again: kubectl apply -f {file}"
