"""kubectl is there, new enough for what `apply` asks of it, and not too far from the server.

Source: Kubernetes, version skew policy: kubectl is within one minor version of the server. Before v1.22 server-side
apply is not finished.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, ok, problem, warning

OLDEST = (1, 22)
INSTALL = "https://kubernetes.io/docs/tasks/tools"


def check(facts: Facts) -> Iterator[Remark]:
    """The versions of kubectl and of the server."""
    client, server = _numbers(facts.client), _numbers(facts.server)
    if client is None:
        yield problem(facts.failure or "kubectl did not say its version", f"install kubectl: {INSTALL}")
        return
    for who, known, text in (("kubectl", client, facts.client), ("the server", server, facts.server)):
        if known is not None and known < OLDEST:
            cure = "take v1.22 or newer: server-side apply and EndpointSlices are not finished before"
            yield problem(f"{who} is {text}, too old for `apply`", cure)
    if server is not None and abs(client[1] - server[1]) > 1:
        cure = f"take a kubectl within one minor version of the server: {INSTALL}"
        yield warning(f"kubectl is {facts.client} and the server {facts.server}", cure)
    elif client >= OLDEST:
        yield ok(f"kubectl {facts.client}")


def _numbers(version: str) -> tuple[int, int] | None:
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else None
