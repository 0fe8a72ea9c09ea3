"""What verbs share that judge manifests: the flags that say by what, and for whom it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from kubectl_canary.api import catalog
from kubectl_canary.commands import candidates
from kubectl_canary.commands.flags import CLUSTER_OPTIONS, ClusterFlags, ReleaseFlags
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import nearest

if TYPE_CHECKING:
    from kubectl_canary.api.catalog import Kind, Target
    from kubectl_canary.judging.implementations import Claims
    from kubectl_canary.judging.validation import Ignored, Question, Report
    from kubectl_canary.reading.manifests import Manifest

SEVERITIES = ("error", "warning")
ADMISSION_RULES = ("admission", "unknown-kind")
FLAGS = (
    click.option(
        "--gateway-api",
        metavar="RELEASE",
        shell_complete=candidates.completer(candidates.releases("gatewayAPI")),
        help="The Gateway API's release, v1.0 to the newest (default), or 1.4.1.",
    ),
    click.option(
        "--channel", type=click.Choice(catalog.CHANNELS), help="standard (default) or experimental."
    ),
    click.option(
        "--kubernetes",
        metavar="RELEASE",
        shell_complete=candidates.completer(candidates.releases("kubernetes")),
        help="Kubernetes' release, 1.31 to the newest (default).",
    ),
    click.option(
        "--from-cluster", is_flag=True, help="Ask the cluster which release and channel its CRDs are."
    ),
    click.option(
        "--crds",
        multiple=True,
        metavar="FILE|DIR",
        shell_complete=candidates.files,
        help="CustomResourceDefinitions of others.",
    ),
    click.option("--admission-only", is_flag=True, help="No lint: exactly what the API server would say."),
    click.option(
        "--ignore",
        "ignored",
        multiple=True,
        metavar="RULE[=PATH]",
        shell_complete=candidates.completer(candidates.rules),
        help="Leave a rule out, or at one path.",
    ),
    click.option(
        "--fail-on",
        type=click.Choice([*SEVERITIES, "never"]),
        default="error",
        help="Exit with 1 from here on (error).",
    ),
    click.option(
        "--implementation",
        metavar="NAME[@VERSION]",
        shell_complete=candidates.completer(candidates.implementations),
        help="Hold routes against what this one claims; default: what the Gateway's class says.",
    ),
    *CLUSTER_OPTIONS,
)


@dataclass(frozen=True)
class JudgeFlags:
    """By what to judge: the flags of every verb that judges manifests."""

    gateway_api: str | None
    channel: str | None
    kubernetes: str | None
    from_cluster: bool
    crds: Sequence[str]
    admission_only: bool
    ignored: Sequence[str]
    fail_on: str
    implementation: str | None
    context: str | None
    kubeconfig: str | None


@dataclass(frozen=True)
class Judge:
    """By what to judge, what not to hear, and the severities that fail."""

    question: Question
    ignored: tuple[Ignored, ...]
    failing: tuple[str, ...]

    def with_settings(self, given: ReleaseFlags) -> Judge:
        """The same, with what the command line says over canary files. Raises UsageError for what cannot be."""
        from kubectl_canary.commands import inputs
        from kubectl_canary.judging.validation import Settings
        from kubectl_canary.reading.release import check_namespace

        check_namespace(given.namespace)
        templates = inputs.templates(given.templates)
        settings = Settings(given.settings, given.canary_tag, given.namespace, templates)
        return replace(self, question=replace(self.question, settings=settings))

    def report(self, manifests: Sequence[Manifest]) -> Report:
        """Every object judged."""
        from kubectl_canary.findings import path_text
        from kubectl_canary.judging.validation import Report, judge

        return Report(judge(manifests, self.question), []).without(self.ignored, path_text)

    def fails(self, report: Report) -> bool:
        """Whether a report makes the exit code 1."""
        return any(finding.severity in self.failing for _, finding in report.findings())


def flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of `judge_of`, for a verb."""
    for flag in reversed(FLAGS):
        function = flag(function)
    return function


def judge_of(asked: JudgeFlags) -> Judge:
    """The judge that the flags ask for. Raises UsageError for what is not known."""
    from kubectl_canary.judging.validation import Question

    rules = tuple(_ignored(one) for one in asked.ignored)
    given = asked.from_cluster or bool(asked.gateway_api or asked.channel)
    failing = SEVERITIES[: SEVERITIES.index(asked.fail_on) + 1] if asked.fail_on in SEVERITIES else ()
    question = Question(_target(asked), given, not asked.admission_only, _claims(asked.implementation))
    return Judge(question, rules, failing)


def meant(name: str, known: Sequence[str]) -> str:
    """A hint for a name that is not known."""
    close = nearest(name, known)
    return f"did you mean `{close}`?" if close else f"known are {', '.join(known)}"


def _target(asked: JudgeFlags) -> Target:
    gateway_api, channel = asked.gateway_api, asked.channel
    if asked.from_cluster:
        if gateway_api or channel:
            raise UsageError(
                "--from-cluster says which release and channel; leave --gateway-api and --channel out"
            )
        gateway_api, channel = _of_cluster(ClusterFlags(asked.context, asked.kubeconfig))
    release = _release("gatewayAPI", "--gateway-api", gateway_api)
    kubernetes = _release("kubernetes", "--kubernetes", asked.kubernetes)
    return catalog.Target(release, channel or "standard", kubernetes, _kinds(asked.crds))


def _release(project: str, flag: str, wanted: str | None) -> str:
    known = catalog.in_order(project)
    if wanted is None:
        return known[-1]
    parts = wanted.removeprefix("v").split(".")
    release = f"v{'.'.join(parts[:2])}"
    if release not in known or not all(part.isdigit() for part in parts) or len(parts) > 3:
        raise UsageError(f"{flag} {wanted}: not known here", f"known are {known[0]} to {known[-1]}")
    return release


def _of_cluster(cluster: ClusterFlags) -> tuple[str, str]:
    annotations = cluster.kubectl().crd_annotations("httproutes.gateway.networking.k8s.io")
    version = annotations.get("gateway.networking.k8s.io/bundle-version")
    channel = annotations.get("gateway.networking.k8s.io/channel")
    if version is None or channel not in catalog.CHANNELS:
        raise UsageError("the cluster's CRDs do not say which release they are", "name it with --gateway-api")
    return version.partition("-")[0], channel


def _kinds(names: Sequence[str]) -> dict[str, Kind]:
    from kubectl_canary.api import openapi
    from kubectl_canary.commands import inputs
    from kubectl_canary.errors import Refused

    kinds: dict[str, Kind] = {}
    found, unread = inputs.manifests(names) if names else ([], [])
    if unread:
        raise Refused("--crds cannot be read", unread)
    for one in found:
        if one.text("kind") == "CustomResourceDefinition":
            try:
                kinds |= openapi.kinds(one.value)
            except (KeyError, TypeError, AttributeError):
                raise UsageError(f"{one.where(())}: {one.title} has no schema to judge by") from None
    if names and not kinds:
        raise UsageError("--crds: no CustomResourceDefinition in there")
    return kinds


def _ignored(text: str) -> Ignored:
    from kubectl_canary.judging import lint
    from kubectl_canary.judging.validation import Ignored
    from kubectl_canary.reports import listings

    rule, _, path = text.partition("=")
    known = [*(one.id for one in lint.rules()), *listings.NAMELESS]
    if rule not in known:
        raise UsageError(f"--ignore {text}: no rule `{rule}`", meant(rule, known))
    if rule in ADMISSION_RULES[:1]:
        raise UsageError(f"--ignore {text}: the API server will not ignore it", "correct the manifest")
    return Ignored(rule, path)


def _claims(wanted: str | None) -> Claims | None:
    from kubectl_canary.judging import implementations

    if wanted is None:
        return None
    name, _, version = wanted.partition("@")
    found = implementations.find(name, version)
    if found is None:
        known = implementations.names()
        if version and implementations.find(name):
            versions = ", ".join(implementations.versions(name))
            raise UsageError(f"--implementation {wanted}: no report of that version", f"there are {versions}")
        raise UsageError(f"--implementation {wanted}: no report of it", meant(name, known))
    return found
