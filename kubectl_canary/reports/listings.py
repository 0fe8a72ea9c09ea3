"""What `validate` found: as text, JSON, SARIF, GitHub annotations and JUnit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubectl_canary import __version__
from kubectl_canary.api.catalog import Target
from kubectl_canary.api.verdict import ADMISSION
from kubectl_canary.findings import Finding, path_text, visible
from kubectl_canary.judging.validation import Judged, Report
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.reports import programs
from kubectl_canary.reports.programs import as_value

SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
NAMELESS = {
    ADMISSION: "What the API server would refuse.",
    "base": "A commit whose canary file is not valid.",
    "canary": "A canary that serves, and is to be another.",
    "capacity": "More share than the pods can take.",
    "implementation": "What the implementation does not claim to support.",
    "jump": "A step that is not safe.",
    "patch": "A patch that does not make what it should.",
    "coming": "What a release brings beside its pods, and is to be another in its middle.",
    "phase": "A phase that is not there.",
    "plan": "A document that does not show the plan.",
    "rendered": "A file that is not what the canary file renders.",
    "replicas": "Replicas that would be reset.",
    "same-object-twice": "An object that stands twice among what is applied together.",
    "schema": "A value that the file's schema does not take.",
    "shared": "What both versions share, and is to be another in the middle of a release.",
    "stable": "A stable that is not what runs.",
    "unknown-kind": "A kind whose schema is not known.",
    "unsupported": "A schema that cannot be judged by.",
    "version": "A release of what runs already.",
    "yaml": "Text that is not YAML as kubectl reads it.",
}


def text(report: Report) -> str:
    """A line a finding, and a last line that counts."""
    lines = []
    for manifest, finding in report.findings():
        title = f"{manifest.title}: " if manifest else ""
        rule = "" if finding.rule == ADMISSION else f"  [{finding.rule}]"
        lines.append(visible(f"{finding.where}: {finding.severity} {title}{_said(finding)}{rule}"))
        if finding.hint:
            lines.append(f"    {finding.hint}")
    counted = [
        *([_count(len(report.judged), "document")] if report.judged else []),
        _count(report.count("error"), "error"),
        _count(report.count("warning"), "warning"),
        *([f"{report.not_checked} not checked"] if report.not_checked else []),
    ]
    releases = "; ".join(map(_releases, report.targets()))
    last = f"{', '.join(counted)} ({releases})" if releases else ", ".join(counted)
    return "\n".join([*lines, last, ""])


def _releases(target: Target) -> str:
    return (
        f"Gateway API {target.gateway_api} {target.channel}, Kubernetes {target.kubernetes.removeprefix('v')}"
    )


def as_json(report: Report) -> str:
    """Every document with its verdict and findings; `unread` is what is not YAML."""
    documents = [
        {
            "file": verdict.manifest.document.file,
            "index": verdict.manifest.index,
            "apiVersion": verdict.manifest.text("apiVersion"),
            "kind": verdict.manifest.text("kind"),
            "namespace": verdict.manifest.text("metadata", "namespace"),
            "name": verdict.manifest.text("metadata", "name"),
            "valid": verdict.valid,
            "findings": [as_value(finding) for finding in verdict.findings],
        }
        for verdict in report.judged
    ]
    judged = {"documents": documents}
    if report.unread:
        judged["unread"] = [as_value(finding) for finding in report.unread]
    return programs.as_json(judged)


def sarif(report: Report) -> str:
    """SARIF 2.1.0, as code scanning reads it."""
    results = [
        {
            "ruleId": finding.rule,
            "level": finding.severity,
            "message": {"text": _whole(manifest, finding)},
            "locations": [_location(finding)],
        }
        for manifest, finding in report.findings()
    ]
    from kubectl_canary.judging import lint  # the other forms do not say what rules are

    used = sorted({finding.rule for _, finding in report.findings()})
    described = {rule.id: rule.reason.partition("\n")[0] for rule in lint.rules()} | NAMELESS
    driver = {
        "name": "kubectl-canary",
        "version": __version__,
        "informationUri": "https://github.com/kubectl-canary/kubectl-canary",
        "rules": [{"id": rule, "shortDescription": {"text": described.get(rule, rule)}} for rule in used],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return programs.as_json({"$schema": SARIF, "version": "2.1.0", "runs": [run]})


def github(report: Report) -> str:
    """Workflow commands: GitHub shows each finding at its line."""
    return "".join(
        f"::{finding.severity} file={_property(finding.where.file)},line={max(finding.where.line, 1)},"
        f"col={max(finding.where.column, 1)},title={_property(finding.rule)}::{_data(_whole(manifest, finding))}\n"
        for manifest, finding in report.findings()
    )


def junit(report: Report) -> str:
    """A test case a document; errors are failures, warnings are output."""
    cases = [_case(verdict) for verdict in report.judged]
    cases += [_unread(finding) for finding in report.unread]
    failures = sum("<failure" in case for case in cases)
    head = f'<testsuite name="kubectl-canary validate" tests="{len(cases)}" failures="{failures}" errors="0">'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            "<testsuites>",
            head,
            *cases,
            "</testsuite>",
            "</testsuites>",
            "",
        ]
    )


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": text,
    "json": as_json,
    "sarif": sarif,
    "github": github,
    "junit": junit,
}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _said(finding: Finding) -> str:
    path = path_text(finding.path)
    return f"{path}: {finding.message}" if path and finding.code != "unknown-field" else finding.message


def _whole(manifest: Manifest | None, finding: Finding) -> str:
    parts = [
        f"{manifest.title}: " if manifest else "",
        _said(finding),
        f"; {finding.hint}" if finding.hint else "",
    ]
    return "".join(parts)


def _location(finding: Finding) -> dict[str, Any]:
    region = {"startLine": max(finding.where.line, 1), "startColumn": max(finding.where.column, 1)}
    uri = finding.where.file.replace("\\", "/").replace(" ", "%20")
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def _case(verdict: Judged) -> str:
    errors = [finding for finding in verdict.findings if finding.severity == "error"]
    warnings = [finding for finding in verdict.findings if finding.severity == "warning"]
    inside = "".join(_failure(finding) for finding in errors)
    if warnings:
        said = "\n".join(f"{finding.where}: {_said(finding)}" for finding in warnings)
        inside += f"<system-out>{_xml(said)}</system-out>"
    file = verdict.manifest.document.file
    return f"<testcase classname={_attribute(file)} name={_attribute(verdict.manifest.title)}>{inside}</testcase>"


def _unread(finding: Finding) -> str:
    file = _attribute(finding.where.file)
    return f'<testcase classname={file} name="YAML">{_failure(finding)}</testcase>'


def _failure(finding: Finding) -> str:
    said = f"{finding.where}: {_said(finding)}"
    return f"<failure type={_attribute(finding.rule)} message={_attribute(_said(finding))}>{_xml(said)}</failure>"


def _xml(value: str) -> str:
    from xml.sax.saxutils import escape  # with it come clients of the network, 20 ms of them

    return escape(_printable(value))


def _attribute(value: str) -> str:
    from xml.sax.saxutils import quoteattr

    return quoteattr(_printable(value))


def _printable(value: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return "".join(
        letter if letter >= " " or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in value
    )
