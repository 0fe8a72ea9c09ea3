"""What `doctor` says, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubectl_canary.driving.doctor.facts import Remark
from kubectl_canary.reports.programs import as_json

WIDTH = len("problem")


def as_text(remarks: Sequence[Remark]) -> str:
    """A line a remark with its cure below, and a last line that counts."""
    return "\n".join([*(line for remark in remarks for line in _lines(remark)), _count(remarks)]) + "\n"


def _lines(remark: Remark) -> Iterator[str]:
    yield f"{remark.severity:<{WIDTH}}  {' '.join(remark.text.split())}"
    if remark.cure:
        yield f"{'':<{WIDTH}}  {remark.cure}"


def _count(remarks: Sequence[Remark]) -> str:
    problems, warnings = (numbered(remarks, severity) for severity in ("problem", "warning"))
    found = ", ".join(filter(None, (problems, warnings)))
    return found or "no problem"


def numbered(remarks: Sequence[Remark], severity: str) -> str:
    """`1 problem`, `2 warnings`; nothing where there is none."""
    number = sum(remark.severity == severity for remark in remarks)
    return f"{number} {severity}{'s' if number > 1 else ''}" if number else ""


def as_data(remarks: Sequence[Remark]) -> str:
    """The same for programs."""
    known = [{"severity": remark.severity, "text": remark.text, "cure": remark.cure} for remark in remarks]
    return as_json({"remarks": known, "problems": sum(remark.severity == "problem" for remark in remarks)})
