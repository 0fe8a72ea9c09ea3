"""What `kubectl canary undo` writes where manifests are adopted: they say in Git what ran before."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_canary.commands import inputs
from kubectl_canary.commands.run.declaring import Files
from kubectl_canary.errors import CanaryError, Refused, UsageError
from kubectl_canary.findings import Finding, Path
from kubectl_canary.outside.repository import Repository, Revision
from kubectl_canary.reading import declaring
from kubectl_canary.reading.adopted.objects import name_of
from kubectl_canary.reading.declaring import Edits
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release import reversal

FROM: Path = ("spec", "adopt", "from")
Deployments = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Promotion:
    """The commit that brought the images that run, and the Deployments by name: as they were before it, and in it."""

    revision: Revision
    before: Deployments
    after: Deployments


def edits(files: Files, repository: Repository) -> tuple[Edits, str]:
    """What begins the release of the version before, and what that is, for people.

    Raises UsageError for manifests whose history nobody knows, Refused where there is no version before, or where it
    cannot be told from what came since.
    """
    application = files.again().plan.application
    names = [workload.names.stable for workload in application.workloads]
    now = _deployments(inputs.sets(files.source).new, names)
    promotion = _promotion(files, repository, now)
    _refuse_mixed(files, promotion, now)
    found: dict[Path, Any] = {}
    for name in names:
        found |= _of(files, name, now[name], promotion, application.target.kubernetes)
    was = [
        image
        for name in names
        for image in reversal.changed_images(now[name], promotion.before[name]).values()
    ]
    return found, f"{', '.join(was)}, which ran until {promotion.revision.id[:9]}"


def _of(
    files: Files, name: str, now: dict[str, Any], promotion: Promotion, kubernetes: str
) -> Iterator[tuple[Path, Any]]:
    """What the file says of one Deployment."""
    before, after = promotion.before[name], promotion.after[name]
    places = [index for index, entry in enumerate(_entries(files)) if entry["name"] == name]
    if places and (changed := reversal.changed_images(now, before)):
        yield ("spec", "adopt", "deployment", places[0], "images"), changed
    if not places:
        own = {**reversal.of_images(now, before), **reversal.of_configuration(after, before, kubernetes)}
        yield from (((*declaring.CANARY, key), value) for key, value in own.items())


def _entries(files: Files) -> list[dict[str, Any]]:
    """The entries of several Deployments; none where there is one."""
    named = files.source.value["spec"]["adopt"].get("deployment")
    return named if isinstance(named, list) else []


def _deployments(manifests: Sequence[Manifest], names: Sequence[str]) -> Deployments:
    known = {name_of(known): known.value for known in manifests if known.value.get("kind") == "Deployment"}
    return {name: known[name] for name in names if name in known}


def _promotion(files: Files, repository: Repository, now: Deployments) -> Promotion:
    """The promotion that is taken back. Raises Refused where other images never ran."""
    newest: tuple[Revision, Deployments] | None = None
    for revision, known in _history(files, repository, list(now)):
        if newest is not None and any(reversal.changed_images(now[name], known[name]) for name in now):
            return Promotion(newest[0], known, newest[1])
        newest = (revision, known)
    message = "its Deployments never had other images in the history of Git"
    finding = Finding("stable", "error", FROM, message, files.source.value_where(FROM))
    raise Refused("there is no version before", [finding])


def _history(
    files: Files, repository: Repository, names: Sequence[str]
) -> Iterator[tuple[Revision, Deployments]]:
    """The Deployments in each commit that has changed the manifests, as long as they have all of them."""
    name = files.source.value["spec"]["adopt"]["from"]
    place = inputs.adopted_folders(files.source).get("spec.adopt.from")
    if place is None:
        message = f"spec.adopt.from is `{name}`: nothing says what was before"
        raise UsageError(message, "`kubectl canary start VERSION` with the version that ran")
    base = posixpath.dirname(files.source.where(FROM).file)
    for revision, _ in repository.history(place):
        try:
            there = inputs.manifest_set(f"git:{revision.id}", base, name)
        except CanaryError:
            return  # before this commit they were elsewhere, or were no manifests
        known = _deployments(there, names)
        if len(known) < len(names):
            return
        yield revision, known


def _refuse_mixed(files: Files, promotion: Promotion, now: Deployments) -> None:
    """Raises Refused where more than images was promoted, and spec.canary cannot say what was before."""
    findings = []
    for name in now:
        has_more = not reversal.is_same_configuration(promotion.before[name], promotion.after[name])
        if has_more and _entries(files):
            findings.append(_mixed(files, name, promotion, "spec.canary says that of one Deployment alone"))
        elif has_more and not reversal.is_same_configuration(promotion.after[name], now[name]):
            findings.append(_mixed(files, name, promotion, "it was changed again since"))
    if findings:
        raise Refused("what was before cannot be told from what came since", findings)


def _mixed(files: Files, name: str, promotion: Promotion, why: str) -> Finding:
    commit = promotion.revision.id[:9]
    message = f"more of Deployment {name} than images was promoted in {commit}, and {why}"
    hint = f"`git show {commit}` says what; write spec.canary by hand, and `phase: deploy`"
    return Finding("undo", "error", FROM, message, files.source.value_where(FROM), hint)
