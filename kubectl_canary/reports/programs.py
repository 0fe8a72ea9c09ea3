"""What programs read: JSON and a finding in it, the same from every verb."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kubectl_canary.api.equality import MISSING
from kubectl_canary.findings import Finding, path_text

if TYPE_CHECKING:
    from kubectl_canary.release.documents import Part


def as_json(value: Any) -> str:
    """Indented JSON with a newline at its end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def compact(value: Any) -> str:
    """JSON in as few characters as it takes, for a command line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def said(value: Any) -> str:
    """A value in a sentence; none is nothing at all."""
    return "missing" if value is MISSING or value is None else json.dumps(value, ensure_ascii=False)


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


def as_identity(part: Part) -> dict[str, Any]:
    """What tells an object from all others, as JSON has it."""
    return {
        "apiVersion": part.api_version,
        "kind": part.kind,
        "namespace": part.namespace,
        "name": part.name,
    }
