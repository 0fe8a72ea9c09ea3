"""What was imported, what was left out, and the way over: for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubectl_canary.integrations.importers.imported import Imported
from kubectl_canary.reports.programs import as_json as json_of
from kubectl_canary.reports.programs import as_value

Report = Callable[[Imported, Sequence[str], Sequence[str]], str]


def as_text(taken: Imported, written: Sequence[str], steps: Sequence[str]) -> str:
    """The report as lines: each loss at its place, and numbered steps."""
    lines = [f"read   {', '.join(taken.source)}", *(f"wrote  {name}" for name in written)]
    if taken.losses:
        lines += ["", "Not in the files:", *(f"  {finding.rule}: {finding}" for finding in taken.losses)]
    lines += ["", "Moving over:", *(f"  {number}. {step}" for number, step in enumerate(steps, 1))]
    return "\n".join(lines) + "\n"


def as_json(taken: Imported, written: Sequence[str], steps: Sequence[str]) -> str:
    """The same as one object."""
    losses = [as_value(finding) for finding in taken.losses]
    return json_of(
        {"read": list(taken.source), "wrote": list(written), "losses": losses, "steps": list(steps)}
    )
