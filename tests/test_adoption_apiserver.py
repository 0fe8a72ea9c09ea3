"""Adopted manifests, every phase and way back, through kubectl into a real API server."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Cluster

from kubectl_canary.commands import inputs
from kubectl_canary.release.application import Located
from kubectl_canary.release.plan import Phase, PhaseKind, Plan

CASES = Path(__file__).parent / "cases"
COMMAND = [sys.executable, "-m", "kubectl_canary"]
KINDS = (
    "services,configmaps,deployments.apps,horizontalpodautoscalers.autoscaling,poddisruptionbudgets.policy,"
    "networkpolicies.networking.k8s.io,serviceaccounts,referencegrants.gateway.networking.k8s.io,backendtlspolicies.gateway.networking.k8s.io,"
    "httproutes.gateway.networking.k8s.io,grpcroutes.gateway.networking.k8s.io,"
    "tcproutes.gateway.networking.k8s.io,tlsroutes.gateway.networking.k8s.io,"
    "inferencepools.inference.networking.k8s.io,"
    "serviceexports.multicluster.x-k8s.io,serviceimports.multicluster.x-k8s.io"
)
OURS = "kubectl-canary"


class Adopted:
    """A user's manifests in a namespace of their own, and the release over them."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self.cluster, self.namespace, self.file = cluster, namespace, folder / "canary.yaml"
        for file in folder.rglob("*.*"):
            if "expected" not in file.parts:
                text = file.read_bytes().replace(b"namespace: store", f"namespace: {namespace}".encode())
                text = text.replace(b'"namespace": "store"', f'"namespace": "{namespace}"'.encode())
                file.write_bytes(text.replace(b", nodePort: 30080", b""))  # one cluster has a port once
        self.plan: Plan = inputs.load([str(self.file)]).plan
        self.namespaces = self._namespaces()

    def _namespaces(self) -> list[str]:
        """Every namespace that a route is in, made where it is not there."""
        named = [str(route.namespace) for route in self.plan.application.routes]
        others = [name for name in dict.fromkeys(named) if name != self.namespace]
        for name in others:
            self.cluster.kubectl("create", "namespace", name)
        return [self.namespace, *others]

    def canary(self, verb: str, *flags: str) -> str:
        done = subprocess.run(
            [*COMMAND, verb, "-f", str(self.file), *flags],
            env={**os.environ, **self.cluster.environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, phase: Phase) -> None:
        """What a user types: apply what is printed, and delete what the phase before left."""
        self.cluster.kubectl("apply", "-f", "-", stdin=self.canary("render", "--phase", phase.name))
        if not phase.canary_replicas:
            gone = self.canary("render", "--phase", phase.name, "--removed")
            self.cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=gone)

    def patch(self, start: Phase, to: Phase) -> None:
        """What `patch` prints, change by change."""
        flags = ("--from", start.name, "--to", to.name)
        for change in json.loads(self.canary("patch", *flags)):
            name = f"{change['kind'].lower()}/{change['name']}"
            if change["type"] == "create":
                self.cluster.kubectl("create", "-f", "-", stdin=json.dumps(change["patch"]))
            elif change["type"] == "delete":
                self.cluster.kubectl("delete", name, "-n", change["namespace"])
            else:
                patch = json.dumps(change["patch"])
                self.cluster.kubectl("patch", name, "-n", change["namespace"], "--type=json", "-p", patch)

    def scale(self) -> None:
        """What autoscalers do, which this cluster has no controller for."""
        for located, spec in self.live().items():
            if located.kind == "HorizontalPodAutoscaler":
                name, least = spec["scaleTargetRef"]["name"], spec["minReplicas"]
                self.cluster.kubectl("scale", "deployment", name, "-n", self.namespace, f"--replicas={least}")

    def live(self) -> dict[Located, Any]:
        lists = [
            json.loads(self.cluster.kubectl("get", KINDS, "-n", name, "-o", "json").stdout)["items"]
            for name in self.namespaces
        ]
        return {
            Located(item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]): item.get(
                "spec", item.get("data")
            )
            for items in lists
            for item in items
            if item["metadata"]["name"] not in ("kube-root-ca.crt", "default")
        }

    def is_at(self, phase: Phase) -> None:
        """The whole phase, to the last object, and no other object."""
        documents = self.canary("render", "--phase", phase.name, "--everything")
        done = self.cluster.kubectl("diff", "-f", "-", stdin=documents, check=False)
        assert (done.returncode, done.stdout) == (0, ""), f"{phase.name}: {done.stdout}{done.stderr}"
        listed = json.loads(self.canary("render", "--phase", phase.name, "--everything", "-o", "json"))[
            "items"
        ]
        there = {(item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]) for item in listed}
        assert set(self.live()) == there


@pytest.fixture(
    params=[
        "adopt-shop",
        "adopt-sets",
        "adopt-helm",
        "adopt-routes",
        "adopt-calls",
        "adopt-streams",
        "adopt-together",
        "adopt-namespaces",
        "adopt-apart",
        "adopt-recorder",
        "adopt-pools",
        "adopt-imports",
    ]
)
def adopted(request: pytest.FixtureRequest, backends: Cluster, namespace: str, tmp_path: Path) -> Adopted:
    folder = Path(shutil.copytree(CASES / request.param, tmp_path / "case"))
    return Adopted(backends, namespace, folder)


def test_a_release_goes_through_every_phase_and_ends_as_the_user_wrote_it(adopted: Adopted) -> None:
    for phase in adopted.plan.phases:
        adopted.apply(phase)
        adopted.is_at(phase)
    for name in adopted.namespaces:
        assert OURS not in adopted.cluster.kubectl("get", KINDS, "-n", name, "-o", "yaml").stdout


def test_every_way_back_leads_to_what_was_there(adopted: Adopted) -> None:
    before = adopted.plan.phases[0]
    adopted.apply(before)
    original = adopted.live()
    for phase in [known for known in adopted.plan.phases if known.canary_replicas]:
        adopted.apply(phase)
        back = adopted.plan.way_back(phase)
        assert back is not None
        adopted.apply(back)
        adopted.is_at(back)
        if back.kind is PhaseKind.ROLLBACK_PROMOTION:
            adopted.apply(adopted.plan.find("rollback", adopted.plan.full.name))
        adopted.apply(adopted.plan.find("rolled-back"))
        assert adopted.live() == original, phase.name


def test_patches_lead_through_every_phase(adopted: Adopted) -> None:
    adopted.apply(adopted.plan.phases[0])
    for start, phase in itertools.pairwise(adopted.plan.phases):
        adopted.patch(start, phase)
        adopted.is_at(phase)


def test_live_patches_lead_through_every_phase(adopted: Adopted) -> None:
    adopted.apply(adopted.plan.phases[0])
    for start, phase in itertools.pairwise(adopted.plan.phases):
        adopted.scale()
        shown = json.loads(adopted.canary("patch", "--to", phase.name, "--live"))
        planned = json.loads(adopted.canary("patch", "--from", start.name, "--to", phase.name))
        assert [(one["kind"], one["name"], one["type"]) for one in shown] == [
            (one["kind"], one["name"], one["type"]) for one in planned
        ], phase.name
        adopted.patch(start, phase)
