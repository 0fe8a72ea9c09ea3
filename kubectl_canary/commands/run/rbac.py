"""What `kubectl canary rbac` does."""

from __future__ import annotations

from typing import Any

from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.rbac import RbacFlags
from kubectl_canary.commands.run.releases import load, refuse_prune
from kubectl_canary.driving import rights
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say, write
from kubectl_canary.reports import objects


def run(release_flags: ReleaseFlags, flags: RbacFlags) -> int:
    """Print the Roles of a release.

    Raises as `releases.load`, Refused for a file without a release, UsageError for flags that do not go together.
    """
    if flags.prune and flags.read_only:
        raise UsageError("--prune deletes, and --read-only changes nothing", "leave one of them out")
    release = load(release_flags)
    plan = release.plan
    if flags.prune:
        refuse_prune(release)
    wanted = rights.to_look if flags.read_only else rights.to_drive
    name = f"kubectl-canary-{plan.application.name}{'-read-only' if flags.read_only else ''}"
    place = plan.application.namespace
    pruning = rights.to_prune(place) if flags.prune else []
    documents = rights.roles([*wanted(plan, place), *pruning], name)
    write(objects.as_json(documents) if flags.output == "json" else objects.as_yaml(documents))
    for document in documents:
        say(f"bind it: {_binding(document)}")
    return 0


def _binding(document: dict[str, Any]) -> str:
    """The command that gives a role to a user."""
    name, kind = document["metadata"]["name"], document["kind"]
    namespace = document["metadata"].get("namespace")
    place = f" -n {namespace}" if namespace else ""
    return f"kubectl create {kind.lower()}binding {name}{place} --{kind.lower()}={name} --user=USER"
