"""What controllers of a cluster would write into statuses, for scripts that wait for it.

Pods are ready at once, and every parent accepts every route at once. Both are written through the API server's own
status subresources, so that a script reads what it would read in a cluster.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from conftest import Cluster


class Controllers(threading.Thread):
    """Writes statuses of a namespace until it is stopped."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        super().__init__(daemon=True)
        self.cluster, self.namespace, self.stopped = cluster, namespace, threading.Event()

    def __enter__(self) -> Controllers:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()

    def run(self) -> None:
        while not self.stopped.wait(0.05):
            found = self.cluster.kubectl(
                "get", "deploy,httproute", "-n", self.namespace, "-o", "json", check=False
            )
            for one in json.loads(found.stdout or '{"items": []}')["items"]:
                status = pods(one) if one["kind"] == "Deployment" else parents(one)
                if one.get("status") != status:
                    self.write(one, status)

    def write(self, one: dict[str, Any], status: dict[str, Any]) -> None:
        patch = json.dumps({"status": status})
        place = [one["kind"].lower(), one["metadata"]["name"], "-n", self.namespace]
        self.cluster.kubectl(
            "patch", *place, "--subresource=status", "--type=merge", "-p", patch, check=False
        )


def short_sleep(folder: Path) -> Path:
    """A folder for PATH with a `sleep` that takes a tenth of a second, whatever it is asked for."""
    programs = folder / "short-sleep"
    programs.mkdir(exist_ok=True)
    (programs / "sleep").write_text("#!/bin/sh\nexec /bin/sleep 0.1\n")
    (programs / "sleep").chmod(0o755)
    return programs


def pods(deployment: dict[str, Any]) -> dict[str, Any]:
    """Every pod is of the newest template, and ready."""
    count, generation = deployment["spec"]["replicas"], deployment["metadata"]["generation"]
    counted = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return {"observedGeneration": generation, **dict.fromkeys(counted, count)}


def parents(route: dict[str, Any]) -> dict[str, Any]:
    """Every parent has accepted the newest generation."""
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": kind,
            "message": "",
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind in ("Accepted", "ResolvedRefs")
    ]
    return {
        "parents": [
            {"parentRef": parent, "controllerName": "example.com/gateway", "conditions": conditions}
            for parent in route["spec"]["parentRefs"]
        ]
    }
