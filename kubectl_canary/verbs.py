"""The verbs: what each is for, and where it is."""

from __future__ import annotations

import importlib
import sys

from kubectl_canary.commands.common import Verb

VERBS = {
    "init": "Write a canary.yaml",
    "import": "Write the canary file and the manifests of a release that another tool leads",
    "export": "Print the release as objects of another tool, and what that cannot do",
    "plan": "Show the whole release as a table",
    "render": "Print the documents of a phase, or write those of all phases into a folder",
    "patch": "Print the difference between two phases as guarded patches, or as lines that wait where they must",
    "diff": "Show what a phase has otherwise than the cluster, as kubectl diff does",
    "apply": "Lead the release in the cluster to a phase, in safe order",
    "promote": "Lead the release in the cluster from 100 % to its end",
    "run": "Lead the release in the cluster to its end, phase by phase, as its gates allow",
    "rollback": "Lead the release in the cluster back, or print the way back",
    "queries": "Print what the gates ask Prometheus, also as recording rules and alerts",
    "verify": "Send requests, and say whether they are split as a phase says",
    "check": "Measure the gates of a phase once, with an exit code",
    "start": "Write a new release into the canary file: its version, and the first phase",
    "advance": "Write the next phase into the canary file, or the end of the release",
    "abort": "Write the next step back into the canary file",
    "undo": "Write the release of the version before into the canary file",
    "gitops": "Print what Argo CD or Flux needs to bring the release from Git into the cluster",
    "next": "Lead the release in the cluster one phase on",
    "previous": "Lead the release in the cluster one phase back",
    "status": "Say which phase the cluster is in, and what is not settled",
    "doctor": "Say what stands in the way of the release in the cluster, and what to do",
    "rbac": "Print the Role that leading the release takes",
    "simulate": "Say which rule a request meets in a phase, why, and who answers it",
    "validate": "Say what the API server would say to manifests, and what it would not",
    "krm": "Run as a KRM function of kustomize or kpt",
    "post-render": "Run as a post-renderer of Helm",
    "version": "Print the version, and the releases that documents are checked against",
    "completion": "Print a shell's completion script",
}
OTHERWISE = {
    "run": "running",
    "import": "importing",
}  # modules: run/ is what verbs do, and import is Python's word


def verb_called(name: str) -> Verb:
    """A verb, imported now."""
    command: Verb = importlib.import_module(_module(name)).command
    return command


def known_verb(name: str) -> Verb | None:
    """A verb that has been imported; None where it was not reached: at another word, or while it was imported."""
    command: Verb | None = getattr(sys.modules.get(_module(name)), "command", None) if name in VERBS else None
    return command


def _module(verb: str) -> str:
    return f"kubectl_canary.commands.{OTHERWISE.get(verb, verb.replace('-', '_'))}"
