"""Whoever asks may do what the plan needs: each verb on each object, asked of the server."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving import lease
from kubectl_canary.driving.doctor.facts import Facts, Remark, ok, problem
from kubectl_canary.driving.rights import plural

CURE = "`kubectl canary rbac` prints the Role that allows it"


def check(facts: Facts) -> Iterator[Remark]:
    """What is not allowed, one remark a resource."""
    if not facts.knows("rights"):
        return
    denied: dict[tuple[str, str | None], list[str]] = {}
    for right, is_allowed in facts.rights.items():
        if not is_allowed:
            denied.setdefault((right.resource, right.namespace), []).append(right.title)
    for (resource, namespace), titles in denied.items():
        without = "; `--no-lease` drives without one" if resource == plural(lease.KIND) else ""
        yield problem(f"in {namespace} you may not {', '.join(titles)}", f"{CURE}{without}")
    if facts.rights and not denied:
        yield ok("you may do all that the plan needs")
