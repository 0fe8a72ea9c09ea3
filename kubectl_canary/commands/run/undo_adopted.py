"""What `kubectl canary undo` writes where manifests are adopted: they say in Git what ran before."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.commands import inputs
from kubectl_canary.commands.run.declaring import Files
from kubectl_canary.errors import CanaryError, Refused, UsageError
from kubectl_canary.findings import Finding, Path
from kubectl_canary.outside.manifest_sets import is_kustomization
from kubectl_canary.outside.repository import Repository, Revision
from kubectl_canary.reading import declaring
from kubectl_canary.reading.declaring import Edits
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release import reversal
from kubectl_canary.release.adoption import DEPLOYMENT, key_of

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
    history = _History(files, repository, names, application.namespace)
    now = history.deployments(inputs.sets(files.source).new)
    promotion = history.promotion(now)
    findings = list(_mixed(files, promotion, now))
    if findings:
        raise Refused("what was before cannot be told from what came since", findings)
    found: dict[Path, Any] = {}
    for name, place in _places(files, names).items():
        before, after = promotion.before[name], promotion.after[name]
        if len(place) > len(declaring.CANARY):
            images = reversal.changed_images(now[name], before)
            own = {"images": images} if images else {}
        else:
            own = reversal.of_images(now[name], before)
            own |= reversal.of_configuration(after, before, application.target.kubernetes)
        found |= {(*place, key): value for key, value in own.items()}
    was = [image for name in names for image in _others(promotion.before[name], now[name])]
    return found, f"{', '.join(was)}, which ran until {promotion.revision.id[:9]}"


def _places(files: Files, names: Sequence[str]) -> dict[str, Path]:
    """Where the file says what each Deployment runs next: beside its name, where there are several."""
    named = files.source.value["spec"]["adopt"].get("deployment")
    if not isinstance(named, list):
        return dict.fromkeys(names, declaring.CANARY)
    return {entry["name"]: ("spec", "adopt", "deployment", place) for place, entry in enumerate(named)}


def _others(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The images of a Deployment that its containers had before, and have no more."""
    there = reversal.images(now)
    return [image for name, image in reversal.images(before).items() if there.get(name) != image]


class _History:
    """The Deployments of the manifests in the commits that have changed these."""

    def __init__(
        self, files: Files, repository: Repository, names: Sequence[str], namespace: str | None
    ) -> None:
        self._files, self._repository, self._names, self._namespace = files, repository, names, namespace
        self._from = files.source.value["spec"]["adopt"]["from"]
        self._where = files.source.value_where(FROM)

    def deployments(self, manifests: Sequence[Manifest]) -> Deployments:
        """Those that are released, by their names."""
        known = {key_of(known.value, self._namespace): known.value for known in manifests}
        keys = {name: (*DEPLOYMENT, self._namespace, name) for name in self._names}
        return {name: known[key] for name, key in keys.items() if key in known}

    def promotion(self, now: Deployments) -> Promotion:
        """The newest commit that has changed images. Raises Refused where there is none, UsageError as `_folder`."""
        newest: tuple[Revision, Deployments] | None = None
        for revision, known in self._commits(self._folder()):
            if newest is not None and any(_others(known[name], now[name]) for name in now):
                return Promotion(newest[0], known, newest[1])
            newest = (revision, known)
        message = f"no commit that is at hand has other images in {self._from}"
        raise Refused("there is no version before", [Finding("stable", "error", FROM, message, self._where)])

    def _folder(self) -> str:
        """Whose history it is. Raises UsageError for manifests that are in no commit as they are."""
        place = inputs.adopted_folders(self._files.source).get("spec.adopt.from")
        if place is None:
            message = f"{self._where}: {self._from}: nothing says what was before"
            raise UsageError(message, "`kubectl canary start VERSION` with the version that ran")
        if changed := self._repository.changed([place]):
            message = f"{', '.join(changed)}: changed, and not committed: nothing says what runs"
            raise UsageError(message, "commit it, or take it back, first")
        # a kustomization may read whatever there is
        return self._repository.top if is_kustomization(place) else place

    def _commits(self, place: str) -> Iterator[tuple[Revision, Deployments]]:
        base = posixpath.dirname(self._files.source.where(FROM).file)
        for revision, _ in self._repository.history(place):
            with contextlib.suppress(CanaryError):  # in this one they cannot be read
                known = self.deployments(inputs.manifest_set(f"git:{revision.id}", base, self._from))
                if len(known) == len(self._names):
                    yield revision, known


def _mixed(files: Files, promotion: Promotion, now: Deployments) -> Iterator[Finding]:
    """Where more than images was promoted, and the file cannot say what was before."""
    commit = promotion.revision.id[:9]
    for name, place in _places(files, list(now)).items():
        if reversal.is_same_configuration(promotion.before[name], promotion.after[name]):
            continue
        why, hint = "", f"`git show {commit}` says what"
        if len(place) > len(declaring.CANARY):
            why, hint = (
                "the file says images alone of several",
                f"{hint}; write it into the manifests by hand",
            )
        elif not reversal.is_same_configuration(promotion.after[name], now[name]):
            why, hint = (
                "it was changed again since",
                f"{hint}; write spec.canary by hand, and `phase: deploy`",
            )
        if why:
            message = f"more of Deployment {name} than images was promoted in {commit}, and {why}"
            yield Finding("undo", "error", FROM, message, files.source.value_where(FROM), hint)
