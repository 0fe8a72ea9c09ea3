"""`kubectl canary validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kubectl_canary.commands import candidates, judging
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import CANARY_FILE, ReleaseFlags, overlay_flags
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import write

if TYPE_CHECKING:
    from kubectl_canary.reading.manifests import Manifest


@verb(
    "validate",
    "Say what the API server would say to manifests, without one, and then what it does not say: that a route is\n"
    "accepted and still wrong.\n\n"
    "Takes files, folders and - for standard input; without any, canary.yaml. A canary file is judged by all its\n"
    "phases, patches and ways back.",
    """
  # The canary file here: every phase, every patch, every way back
  kubectl canary validate

  # As CI renders it: overlays merged, another tag
  kubectl canary validate canary.yaml prod.yaml --canary-tag v1.2.0

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

  # The rules that look at what the API server accepts
  kubectl canary validate --list-rules

  # Why a rule is there
  kubectl canary validate --explain header-rule-loses
""",
)
@click.argument("names", nargs=-1, metavar="[FILE|DIR|-]...", shell_complete=candidates.files)
@overlay_flags
@judging.flags
@click.option("--list-implementations", is_flag=True, help="Print what each implementation claims.")
@click.option("--list-rules", is_flag=True, help="Print each lint rule: its severity, and why it is there.")
@click.option(
    "--explain",
    metavar="RULE",
    shell_complete=candidates.completer(candidates.rules),
    help="Print a rule: why, where that is written, what passes and what fails.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "sarif", "github", "junit"]),
    default="text",
    help="text (default), json, sarif, github or junit.",
)
def command(
    names: tuple[str, ...],
    list_implementations: bool,
    list_rules: bool,
    explain: str | None,
    output: str,
    release_flags: ReleaseFlags,
    **asked: Any,
) -> int:
    """Validate."""
    if explain is not None:
        write(_explanation(explain))
        return 0
    if list_implementations:
        write(_implementations())
        return 0
    if list_rules:
        write(_rules())
        return 0
    from kubectl_canary.commands import inputs
    from kubectl_canary.judging.validation import Report
    from kubectl_canary.reading import manifests
    from kubectl_canary.reports import listings

    judge = judging.judge_of(judging.JudgeFlags(**asked)).with_settings(release_flags)
    found, unread = inputs.manifests(names or (() if release_flags.files else (CANARY_FILE,)))
    found = [*_named(release_flags), *manifests.with_overlays(found)]
    if judge.question.settings and not any(manifests.is_canary(one.value) for one in found):
        raise UsageError(
            "--set, --canary-tag, -n and --templates go with a canary file", "there is none here"
        )
    if not found and not unread:
        raise UsageError("there is nothing to validate", "the input has no documents")
    report = Report(judge.report(found).judged, unread)
    write(listings.FORMATS[output](report))
    return int(judge.fails(report))


def _named(release_flags: ReleaseFlags) -> list[Manifest]:
    """The canary file that -f names, with the files over it."""
    from kubectl_canary.commands import inputs
    from kubectl_canary.reading.manifests import Manifest

    if not release_flags.files:
        return []
    first, *layers = inputs.documents(release_flags.files)
    return [Manifest(first, 0, first.value, layers=tuple(layers))]


def _implementations() -> str:
    from kubectl_canary.judging import implementations

    return implementations.table()


def _explanation(name: str) -> str:
    from kubectl_canary.judging import lint

    rules = {rule.id: rule for rule in lint.rules()}
    rule = rules.get(name)
    if rule is None:
        raise UsageError(f"--explain {name}: no such rule", judging.meant(name, list(rules)))
    parts = [f"{rule.id} ({rule.severity})", rule.reason, f"Source: {rule.source}"]
    parts += [f"{verb}:\n\n{_indented(example)}" for verb, example in rule.examples()]
    return "\n\n".join(parts) + "\n"


def _rules() -> str:
    from kubectl_canary.judging import lint

    rows = [(rule.id, rule.severity, rule.reason.partition("\n")[0]) for rule in lint.rules()]
    width = max(len(name) for name, _, _ in rows)
    return "".join(f"{name:{width}}  {severity:7}  {why}\n" for name, severity, why in sorted(rows))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())
