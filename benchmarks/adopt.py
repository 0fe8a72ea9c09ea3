"""A phase of adopted manifests beside one that is rendered by templates.

    make bench-adopt

Whole processes, RUNS of each in turn, after one warm-up: the example that we render, one that adopts 12 objects, and
one that adopts 5,000. Printed are the median, the ratio to the first, and the peak memory of the process.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

import start
from measure import measure

ADOPTED = start.ROOT / "examples/shop"
CONFIG = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: setting-{number}}}\ndata:\n  key: value\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        files = {"rendered by templates": start.EXAMPLE}
        for count in (12, 5000):
            files[f"adopted, {count} objects"] = adopting(Path(scratch, str(count)), count)
        program = str(start.BIN / "kubectl-canary")
        commands = {
            name: [program, "render", "-f", str(file), "--phase", "50%", "--skip"]
            for name, file in files.items()
        }
        figures: dict[str, list[tuple[float, int]]] = {name: [] for name in commands}
        for run in range(start.RUNS + 1):
            for name, command in commands.items():
                measured = measure(command)
                if run:
                    figures[name].append(measured)
    base = statistics.median(seconds for seconds, _ in figures["rendered by templates"])
    print(f"{'':26}{'median':>10}{'ratio':>8}{'peak':>10}   ({start.RUNS} runs each, in turn)")
    for name, runs in figures.items():
        median = statistics.median(seconds for seconds, _ in runs)
        peak = max(kilobytes for _, kilobytes in runs) / 1024
        print(f"{name:26}{median * 1000:>7.1f} ms{median / base:>8.1f}{peak:>7.1f} MB")


def adopting(folder: Path, count: int) -> Path:
    """The canary file of a copy of the example that has so many objects."""
    shutil.copytree(ADOPTED, folder)
    there = sum(file.read_text().count("\nkind: ") for file in (folder / "k8s").iterdir())
    more = "".join(CONFIG.format(number=number) for number in range(count - there))
    (folder / "k8s/more.yaml").write_text(more)
    return folder / "canary.yaml"


if __name__ == "__main__":
    main()
