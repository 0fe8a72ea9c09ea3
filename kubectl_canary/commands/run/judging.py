"""What verbs share that judge manifests: by what they judge, and for whom they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kubectl_canary.api import catalog, verdict
from kubectl_canary.api.catalog import Kind, Target
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.judging import SEVERITIES, JudgeFlags
from kubectl_canary.commands.run import named
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import nearest
from kubectl_canary.judging.validation import Ignored, Judged, Question, Report, Settings, judge
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass, replace
from kubectl_canary.reports import listings

if TYPE_CHECKING:
    from kubectl_canary.judging.implementations import Claims
    from kubectl_canary.reading.adopted.file import SetReader, Sets
    from kubectl_canary.reading.sources import Sources


@dataclass(frozen=True)
class Judge:
    """By what to judge, what not to hear, and the severities that fail."""

    question: Question
    ignored: tuple[Ignored, ...]
    failing: tuple[str, ...]

    def with_settings(self, flags: ReleaseFlags) -> Judge:
        """The same, with what the command line says over canary files. Raises UsageError for what cannot be."""
        settings = Settings(flags.settings, flags.short, flags.namespace, read_sets=_sets)
        if flags.namespace is not None or flags.templates:
            from kubectl_canary.commands import inputs
            from kubectl_canary.reading.release import check_namespace

            check_namespace(flags.namespace)
            settings = replace(settings, templates=inputs.templates(flags.templates))
        return replace(self, question=replace(self.question, settings=settings))

    def reading(self, read_sets: SetReader) -> Judge:
        """The same, with what reads the manifests that canary files adopt."""
        settings = replace(self.question.settings, read_sets=read_sets)
        return replace(self, question=replace(self.question, settings=settings))

    def report(self, manifests: Sequence[Manifest], known: Mapping[int, Judged] | None = None) -> Report:
        """Every object judged; `known` are verdicts by the id of their manifest."""
        return Report(judge(manifests, self.question, known), []).without(self.ignored)

    def fails(self, report: Report) -> bool:
        """Whether a report makes the exit code 1."""
        return any(finding.severity in self.failing for _, finding in report.findings())


def _sets(source: Sources) -> Sets:
    from kubectl_canary.commands import inputs  # most manifests are no canary files

    return inputs.sets(source)


def judge_of(flags: JudgeFlags, cluster_flags: ClusterFlags) -> Judge:
    """The judge that the flags ask for.

    Raises UsageError for what is not known, Refused for CRDs that are no YAML, WorldError for a cluster that fails.
    """
    rules = tuple(_ignored(text) for text in flags.ignored)
    names_target = flags.from_cluster or bool(flags.gateway_api or flags.channel)
    failing = SEVERITIES[: SEVERITIES.index(flags.fail_on) + 1] if flags.fail_on in SEVERITIES else ()
    question = Question(
        _target(flags, cluster_flags), names_target, not flags.admission_only, _claims(flags.implementation)
    )
    return Judge(question, rules, failing)


def meant(name: str, known: Sequence[str]) -> str:
    """A hint for a name that is not known."""
    close = nearest(name, known)
    return f"did you mean `{close}`?" if close else f"known are {', '.join(known)}"


def _target(flags: JudgeFlags, cluster_flags: ClusterFlags) -> Target:
    gateway_api, channel = flags.gateway_api, flags.channel
    if flags.from_cluster:
        if gateway_api or channel:
            raise UsageError(
                "--from-cluster says which release and channel; leave --gateway-api and --channel out"
            )
        gateway_api, channel = _of_cluster(cluster_flags)
    release = _release("gatewayAPI", "--gateway-api", gateway_api)
    kubernetes = _release("kubernetes", "--kubernetes", flags.kubernetes)
    return catalog.Target(release, channel or "standard", kubernetes, _kinds(flags.crds))


def _release(project: str, flag: str, wanted: str | None) -> str:
    known = catalog.in_order(project)
    if wanted is None:
        return known[-1]
    parts = wanted.removeprefix("v").split(".")
    release = f"v{'.'.join(parts[:2])}"
    if release not in known or not all(part.isdigit() for part in parts) or len(parts) > 3:
        raise UsageError(f"{flag} {wanted}: not known here", f"known are {known[0]} to {known[-1]}")
    return release


def _of_cluster(cluster_flags: ClusterFlags) -> tuple[str, str]:
    from kubectl_canary.outside.kubectl import Kubectl

    annotations = Kubectl(cluster_flags.words()).crd_annotations("httproutes.gateway.networking.k8s.io")
    version = annotations.get("gateway.networking.k8s.io/bundle-version")
    channel = annotations.get("gateway.networking.k8s.io/channel")
    if version is None or channel not in catalog.CHANNELS:
        raise UsageError("the cluster's CRDs do not say which release they are", "name it with --gateway-api")
    return version.partition("-")[0], channel


def _kinds(names: Sequence[str]) -> dict[str, Kind]:
    if not names:
        return {}
    from kubectl_canary.api import openapi

    kinds: dict[str, Kind] = {}
    manifests, unread = named.read(names)
    if unread:
        raise Refused("--crds cannot be read", unread)
    for manifest in manifests:
        if manifest.text("kind") == "CustomResourceDefinition":
            try:
                kinds |= openapi.kinds(manifest.value)
            except (KeyError, TypeError, AttributeError):
                raise UsageError(
                    f"{manifest.where(())}: {manifest.title} has no schema to judge by"
                ) from None
    if not kinds:
        raise UsageError("--crds: no CustomResourceDefinition in there")
    return kinds


def _ignored(text: str) -> Ignored:
    from kubectl_canary.judging import lint

    name, _, path = text.partition("=")
    known = [*(rule.id for rule in lint.rules()), *listings.NAMELESS]
    if name not in known:
        raise UsageError(f"--ignore {text}: no rule `{name}`", meant(name, known))
    if name == verdict.ADMISSION:
        raise UsageError(f"--ignore {text}: the API server will not ignore it", "correct the manifest")
    return Ignored(name, path)


def _claims(wanted: str | None) -> Claims | None:
    if wanted is None:
        return None
    from kubectl_canary.judging import implementations

    name, _, version = wanted.partition("@")
    claims = implementations.find(name, version)
    if claims is None:
        known = implementations.names()
        if version and implementations.find(name):
            versions = ", ".join(implementations.versions(name))
            raise UsageError(f"--implementation {wanted}: no report of that version", f"there are {versions}")
        raise UsageError(f"--implementation {wanted}: no report of it", meant(name, known))
    return claims
