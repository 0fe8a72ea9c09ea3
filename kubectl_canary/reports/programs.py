"""A finding for programs: the same from every verb."""

from __future__ import annotations

from typing import Any

from kubectl_canary.findings import Finding, path_text


def as_value(finding: Finding) -> dict[str, Any]:
    """A finding as JSON has it; the path is written as in messages: `spec.rules[0].name`."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "file": finding.where.file,
        "path": path_text(finding.path),
        "line": finding.where.line,
        "column": finding.where.column,
        "message": finding.message,
        "hint": finding.hint,
    }
