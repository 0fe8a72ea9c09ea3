"""There is a context, and its server answers."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, ok, problem

CURES = {
    "cannot locate context": "`kubectl config get-contexts` lists those that are there: name one with --context",
    "does not exist": "`kubectl config get-contexts` lists those that are there: name one with --context",
    "no configuration": "make a kubeconfig, or name it with --kubeconfig",
    "Unauthorized": "log in again: the credentials of this context have expired",
    "logged in": "log in again: the credentials of this context have expired",
    "Forbidden": "ask for the Role that `kubectl canary rbac --read-only` prints",
}
UNREACHABLE = (
    "is it the right context, and is the cluster's network reached? `kubectl cluster-info` says more"
)


def check(facts: Facts) -> Iterator[Remark]:
    """The context, and what it says where it does not answer."""
    if not facts.client:
        return
    if facts.failure:
        cure = next((text for words, text in CURES.items() if words in facts.failure), UNREACHABLE)
        yield problem(f"the cluster does not answer: {facts.failure}", cure)
    else:
        context = (
            f"context {facts.context}" if facts.context else "no kubeconfig: as the pod's service account"
        )
        yield ok(f"{context}, namespace {facts.namespace}, server {facts.server}")
