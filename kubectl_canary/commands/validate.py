"""`kubectl canary validate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kubectl_canary.admission import catalog
from kubectl_canary.commands.common import verb
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import nearest
from kubectl_canary.outside.output import write

if TYPE_CHECKING:
    from kubectl_canary.admission.catalog import Kind, Target
    from kubectl_canary.implementations import Claims
    from kubectl_canary.validation import Ignored

SEVERITIES = ("error", "warning")
ADMISSION_RULES = ("admission", "unknown-kind")


@verb(
    "validate",
    "Say what the API server would say to manifests, without one, and then what it does not say: that a route is\n"
    "accepted and still wrong.\n\n"
    "Takes files, folders and - for standard input; without any, canary.yaml. A canary file is judged by all its\n"
    "phases, patches and ways back.",
    """
  # The canary file here: every phase, every patch, every way back
  kubectl canary validate

  # A folder, for the Gateway API that the cluster has
  kubectl canary validate k8s/ --gateway-api v1.4

  # What another tool renders
  kustomize build . | kubectl canary validate -

  # Exactly what the API server would say, for programs
  kubectl canary validate k8s/ --admission-only -o json

  # Annotations in a pull request
  kubectl canary validate rendered/ -o github

  # Does what the phases need work there?
  kubectl canary validate --implementation envoy-gateway

  # Why a rule is there
  kubectl canary validate --explain header-rule-loses
""",
)
@click.argument("names", nargs=-1, metavar="[FILE|DIR|-]...")
@click.option(
    "--gateway-api",
    metavar="RELEASE",
    help="The Gateway API's release, v1.0 to the newest (default), or 1.4.1.",
)
@click.option("--channel", type=click.Choice(catalog.CHANNELS), help="standard (default) or experimental.")
@click.option("--kubernetes", metavar="RELEASE", help="Kubernetes' release, 1.31 to the newest (default).")
@click.option("--from-cluster", is_flag=True, help="Ask the cluster which release and channel its CRDs are.")
@click.option("--crds", multiple=True, metavar="FILE|DIR", help="CustomResourceDefinitions of others.")
@click.option("--admission-only", is_flag=True, help="No lint: exactly what the API server would say.")
@click.option(
    "--ignore", "ignored", multiple=True, metavar="RULE[=PATH]", help="Leave a rule out, or at one path."
)
@click.option(
    "--fail-on",
    type=click.Choice([*SEVERITIES, "never"]),
    default="error",
    help="Exit with 1 from here on (error).",
)
@click.option(
    "--implementation",
    metavar="NAME[@VERSION]",
    help="Hold routes against what this one claims; default: what the Gateway's class says.",
)
@click.option("--list-implementations", is_flag=True, help="Print what each implementation claims.")
@click.option("--explain", metavar="RULE", help="Print a rule: why, since when, an example of each kind.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "sarif", "github", "junit"]),
    default="text",
    help="text (default), json, sarif, github or junit.",
)
def command(
    names: tuple[str, ...],
    gateway_api: str | None,
    channel: str | None,
    kubernetes: str | None,
    from_cluster: bool,
    crds: tuple[str, ...],
    admission_only: bool,
    ignored: tuple[str, ...],
    fail_on: str,
    implementation: str | None,
    list_implementations: bool,
    explain: str | None,
    output: str,
) -> int:
    """Validate."""
    if explain is not None:
        write(_explanation(explain))
        return 0
    if list_implementations:
        write(_implementations())
        return 0
    from kubectl_canary import listings, manifests
    from kubectl_canary.findings import path_text
    from kubectl_canary.validation import Question, Report, judge

    rules = [_ignored(one) for one in ignored]
    target = _target(gateway_api, channel, kubernetes, from_cluster, crds)
    claims = _claims(implementation)
    found, unread = manifests.read(names or ("canary.yaml",))
    if not found and not unread:
        raise UsageError("there is nothing to validate", "the input has no documents")
    given = from_cluster or bool(gateway_api or channel)
    judged = judge(found, Question(target, given, not admission_only, claims))
    report = Report(judged, unread).without(rules, path_text)
    write(listings.FORMATS[output](report))
    failing = SEVERITIES[: SEVERITIES.index(fail_on) + 1] if fail_on in SEVERITIES else ()
    return int(any(finding.severity in failing for _, finding in report.findings()))


def _target(
    gateway_api: str | None,
    channel: str | None,
    kubernetes: str | None,
    from_cluster: bool,
    crds: Sequence[str],
) -> Target:
    if from_cluster:
        if gateway_api or channel:
            raise UsageError(
                "--from-cluster says which release and channel; leave --gateway-api and --channel out"
            )
        gateway_api, channel = _of_cluster()
    release = _release("gatewayAPI", "--gateway-api", gateway_api)
    return catalog.Target(
        release, channel or "standard", _release("kubernetes", "--kubernetes", kubernetes), _kinds(crds)
    )


def _release(project: str, flag: str, wanted: str | None) -> str:
    known = catalog.in_order(project)
    if wanted is None:
        return known[-1]
    parts = wanted.removeprefix("v").split(".")
    release = f"v{'.'.join(parts[:2])}"
    if release not in known or not all(part.isdigit() for part in parts) or len(parts) > 3:
        raise UsageError(f"{flag} {wanted}: not known here", f"known are {known[0]} to {known[-1]}")
    return release


def _of_cluster() -> tuple[str, str]:
    from kubectl_canary.outside.kubectl import Kubectl

    annotations = Kubectl().crd_annotations("httproutes.gateway.networking.k8s.io")
    version = annotations.get("gateway.networking.k8s.io/bundle-version")
    channel = annotations.get("gateway.networking.k8s.io/channel")
    if version is None or channel not in catalog.CHANNELS:
        raise UsageError("the cluster's CRDs do not say which release they are", "name it with --gateway-api")
    return version.partition("-")[0], channel


def _kinds(names: Sequence[str]) -> dict[str, Kind]:
    from kubectl_canary import manifests
    from kubectl_canary.admission import openapi
    from kubectl_canary.errors import Refused

    kinds: dict[str, Kind] = {}
    found, unread = manifests.read(names) if names else ([], [])
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
    from kubectl_canary import lint, listings
    from kubectl_canary.validation import Ignored

    rule, _, path = text.partition("=")
    known = [*(one.id for one in lint.rules()), *listings.NAMELESS]
    if rule not in known:
        raise UsageError(f"--ignore {text}: no rule `{rule}`", _meant(rule, known))
    if rule in ADMISSION_RULES[:1]:
        raise UsageError(f"--ignore {text}: the API server will not ignore it", "correct the manifest")
    return Ignored(rule, path)


def _claims(wanted: str | None) -> Claims | None:
    from kubectl_canary import implementations

    if wanted is None:
        return None
    name, _, version = wanted.partition("@")
    found = implementations.find(name, version)
    if found is None:
        known = implementations.names()
        if version and implementations.find(name):
            versions = ", ".join(implementations.versions(name))
            raise UsageError(f"--implementation {wanted}: no report of that version", f"there are {versions}")
        raise UsageError(f"--implementation {wanted}: no report of it", _meant(name, known))
    return found


def _implementations() -> str:
    from kubectl_canary import implementations

    return implementations.table()


def _explanation(name: str) -> str:
    from kubectl_canary import lint

    rules = {rule.id: rule for rule in lint.rules()}
    rule = rules.get(name)
    if rule is None:
        raise UsageError(f"--explain {name}: no such rule", _meant(name, list(rules)))
    parts = [f"{rule.id} ({rule.severity})", rule.reason, f"Source: {rule.source}"]
    return (
        "\n\n".join([*parts, f"Passes:\n\n{_indented(rule.passing)}", f"Fails:\n\n{_indented(rule.failing)}"])
        + "\n"
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())


def _meant(name: str, known: Sequence[str]) -> str:
    close = nearest(name, known)
    return f"did you mean `{close}`?" if close else f"known are {', '.join(known)}"
