"""Whole processes, measured in turn: how long a user waits, beside plain Python and helm.

    make bench

Each command runs RUNS times, all in turn, after one warm-up of each. Printed are the median, the ratio to
`python -c pass` (medians) and the peak memory of the process. The chart renders the same six objects as the phase. Ours
is what a user has: a wheel in an environment of its own.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 15
BIN = Path(sys.executable).parent
EXAMPLE = ROOT / "examples/my-app/canary.yaml"

sys.path.insert(0, str(ROOT / "tests/tools"))
import build
import installed
from measure import measure


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        compare(installed.environment(Path(scratch)))


def compare(programs: Path) -> None:
    helm, ours = build.ensure("helm"), str(programs / "kubectl-canary")
    commands = {
        "python -c pass": [str(programs / "python"), "-c", "pass"],
        "kubectl-canary --help": [ours, "--help"],
        "kubectl-canary render --phase 5%": [ours, "render", "--phase", "5%", "-f", str(EXAMPLE)],
        "kubectl-canary plan": [ours, "plan", "-f", str(EXAMPLE)],
        "helm template": [str(helm), "template", str(ROOT / "benchmarks/chart")],
    }
    kinds = {name: kinds_of(commands[name]) for name in ("kubectl-canary render --phase 5%", "helm template")}
    assert len(set(map(tuple, kinds.values()))) == 1, f"not the same objects: {kinds}"
    figures: dict[str, list[tuple[float, int]]] = {name: [] for name in commands}
    for command in commands.values():
        measure(command)
    for _ in range(RUNS):
        for name, command in commands.items():
            figures[name].append(measure(command))
    base = statistics.median(seconds for seconds, _ in figures["python -c pass"])
    print(f"{'':34}{'median':>10}{'ratio':>8}{'peak':>10}   ({RUNS} runs each, in turn)")
    for name, runs in figures.items():
        median = statistics.median(seconds for seconds, _ in runs)
        peak = max(kilobytes for _, kilobytes in runs) / 1024
        print(f"{name:34}{median * 1000:>7.1f} ms{median / base:>8.1f}{peak:>7.1f} MB")


def kinds_of(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return sorted(re.findall(r"^kind: (\w+)", done.stdout, re.MULTILINE))


if __name__ == "__main__":
    main()
