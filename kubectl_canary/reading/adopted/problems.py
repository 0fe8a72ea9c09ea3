"""What is wrong with manifests that a canary file adopts, at its place in that file."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path, in_order, nearest
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import dataclass, field

ADOPT: Path = ("spec", "adopt")


@dataclass
class Problems:
    """What is wrong, with its path in the canary file."""

    sources: Sources
    findings: list[Finding] = field(default_factory=list)

    def add(self, path: Path, message: str, hint: str = "") -> None:
        """Note what is wrong at a path of the canary file."""
        where = self.sources.value_where(path)
        self.findings.append(Finding("adopt", "error", path, message, where, hint))

    def stop(self) -> None:
        """Raises Refused where anything is wrong."""
        if self.findings:
            raise self.refusal()

    def refusal(self) -> Refused:
        """The refusal of the canary file."""
        names = " + ".join(dict.fromkeys(document.file for document in self.sources.documents))
        return Refused(f"{names} is not valid", in_order(self.findings))


def listed(names: Sequence[str]) -> str:
    """The names for a sentence."""
    return ", ".join(f"`{name}`" for name in names) or "none"


def meant(wanted: str, names: Sequence[str]) -> str:
    """What was probably meant by a name that is not there, else what is."""
    close = nearest(wanted, names)
    return f"did you mean `{close}`?" if close else f"there are {listed(names)}"
