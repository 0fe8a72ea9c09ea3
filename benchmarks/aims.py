"""What we want to be as quick as, and how quick that is: whole processes in turn, as ratios of their medians.

    make bench

Prints a table, and fails nothing: ratios travel, milliseconds do not. Many documents are measured once.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import installed
import start
import validate
from apiserver import build

COMPLETING = ("completion", "answer", "--", "render")
ADMISSION = ("validate", "--admission-only")
SIX = "validate of six documents"
HELM, KUBECONFORM, KUBECTL_VALIDATE = "helm template", "kubeconform -strict", "kubectl-validate"


@dataclass(frozen=True)
class Row:
    """Work of ours, what it is held against, the ratio that we want, and the highest that will do."""

    work: str
    command: list[str]
    beside: str
    aim: float
    most: float


def main() -> None:
    helm = [str(build.ensure("helm")), "template", str(start.ROOT / "benchmarks/chart")]
    file = ["-f", str(start.EXAMPLE)]
    print(f"{'':38}{'median':>10}   {'to':22}{'ratio':>6}{'aim':>6}{'most':>6}{'peak':>10}")
    with tempfile.TemporaryDirectory() as scratch:
        ours = str(installed.environment(Path(scratch)) / "kubectl-canary")
        one, many = Path(scratch, "one"), Path(scratch, "many")
        documents = validate.example()
        validate.write(one, [documents])
        validate.write(many, list(validate.parts(documents)))
        rows = [
            Row("render of one phase", [ours, "render", "--phase", "5%", *file], HELM, 1.0, 1.5),
            Row("plan", [ours, "plan", *file], HELM, 1.3, 2.0),
            Row("completion of a phase", [ours, *COMPLETING, *file, "--phase", ""], HELM, 1.2, 1.2),
            Row(SIX, [ours, *ADMISSION, str(one)], KUBECTL_VALIDATE, 0.3, 0.3),
            Row(SIX, [ours, *ADMISSION, str(one)], KUBECONFORM, 1.2, 1.2),
        ]
        show(rows, {HELM: helm, **others(one)}, start.RUNS)
        rows = [
            Row(
                f"validate of {validate.DOCUMENTS:,} documents",
                [ours, *ADMISSION, str(many)],
                KUBECONFORM,
                1.0,
                2.0,
            )
        ]
        show(rows, {KUBECONFORM: others(many)[KUBECONFORM]}, 1)


def others(folder: Path) -> dict[str, list[str]]:
    """What else judges a folder."""
    known = validate.commands(folder)
    return {name: known[name] for name in (KUBECONFORM, KUBECTL_VALIDATE)}


def show(rows: list[Row], beside: dict[str, list[str]], runs: int) -> None:
    """Measure all in turn, after one warm-up of each, and print a line a row."""
    commands = {**beside, **{row.work: row.command for row in rows}}
    figures: dict[str, list[tuple[float, int]]] = {name: [] for name in commands}
    for number in range(runs + (runs > 1)):
        for name, command in commands.items():
            figure = validate.measured(command)
            if number or runs == 1:
                figures[name].append(figure)
    medians = {name: statistics.median(seconds for seconds, _ in each) for name, each in figures.items()}
    for row in rows:
        peak = max(kilobytes for _, kilobytes in figures[row.work]) / 1024
        ratio = medians[row.work] / medians[row.beside]
        print(
            f"{row.work:38}{medians[row.work] * 1000:>7.0f} ms   {row.beside:22}"
            f"{ratio:>6.2f}{row.aim:>6.1f}{row.most:>6.1f}{peak:>7.0f} MB"
        )


if __name__ == "__main__":
    main()
