"""`validate` beside kubeconform and kubectl-validate: whole processes on one manifest, then on many documents.

    make bench-validate

The manifest is a phase of the example release, RUNS times in turn. The many are DOCUMENTS documents in one file of
100 parts: the same phase in other namespaces, for other hosts. Peak memory is that of the process.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import start
import yaml

sys.path.insert(0, str(start.ROOT / "tests"))
import agreement
import comparison
from apiserver import build

from kubectl_canary.api import catalog

DOCUMENTS = 10_000
PARTS = 100


def main() -> None:
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "kubectl_canary", "templates", "schemas"],
        cwd=start.ROOT,
        check=True,
    )
    with tempfile.TemporaryDirectory() as scratch:
        one, many = Path(scratch, "one"), Path(scratch, "many")
        documents = example()
        write(one, [documents])
        write(many, list(parts(documents)))
        compare(one, len(documents), start.RUNS)
        compare(many, DOCUMENTS, 1)


def example() -> list[dict[str, object]]:
    """The documents of a phase of the example release."""
    command = [str(start.BIN / "kubectl-canary"), "render", "--phase", "5%", "-f", str(start.EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def parts(documents: list[dict[str, object]]) -> list[list[dict[str, object]]]:
    """DOCUMENTS documents, each phase of them in a namespace and for a host of its own, in PARTS lists."""
    made = []
    for number in range(DOCUMENTS):
        which, index = divmod(number, len(documents))
        copy: Any = json.loads(json.dumps(documents[index]))
        copy["metadata"]["namespace"] = f"shop-{which}"
        if "hostnames" in copy["spec"]:
            copy["spec"]["hostnames"] = [f"shop-{which}.example.com"]
        made.append(copy)
    size = DOCUMENTS // PARTS
    return [made[begin : begin + size] for begin in range(0, DOCUMENTS, size)]


def write(folder: Path, files: list[list[dict[str, object]]]) -> None:
    folder.mkdir()
    for number, documents in enumerate(files):
        text = yaml.dump_all(documents, Dumper=yaml.CSafeDumper)
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")


def commands(folder: Path) -> dict[str, list[str]]:
    """What judges a folder."""
    target = catalog.Target()
    canary = [str(start.BIN / "kubectl-canary"), "validate", str(folder)]
    locations = []
    for place in (f"kubernetes/{target.kubernetes}", f"gateway-api/{target.gateway_api}/{target.channel}"):
        template = f"{comparison.SCHEMAS / place}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
        locations += ["-schema-location", template]
    return {
        "kubectl canary validate --admission-only": [*canary, "--admission-only"],
        "kubectl canary validate": canary,
        "kubeconform -strict": [str(build.ensure("kubeconform")), "-strict", *locations, str(folder)],
        "kubectl-validate": [
            str(build.ensure("kubectl-validate")),
            f"--local-crds={agreement.crds(target)}",
            f"--version={comparison.KUBERNETES_OF_KUBECTL_VALIDATE}",
            str(folder),
        ],
    }


def measured(command: list[str]) -> tuple[float, int]:
    """Seconds and KiB of a command, started by a process that is small itself."""
    helper = [sys.executable, str(start.ROOT / "benchmarks/measure.py")]
    done = subprocess.run([*helper, *command], capture_output=True, text=True, check=True)
    seconds, kilobytes = done.stdout.split()
    return float(seconds), int(kilobytes)


def compare(folder: Path, documents: int, runs: int) -> None:
    found = commands(folder)
    figures: dict[str, list[tuple[float, int]]] = {name: [] for name in found}
    if runs > 1:
        for command in found.values():
            measured(command)
    for _ in range(runs):
        for name, command in found.items():
            figures[name].append(measured(command))
    print(
        f"{f'{documents:,} documents':42}{'median':>10}{'a second':>10}{'peak':>10}   ({runs} runs each, in turn)"
    )
    for name, all_runs in figures.items():
        median = statistics.median(seconds for seconds, _ in all_runs)
        peak = max(kilobytes for _, kilobytes in all_runs) / 1024
        print(f"{name:42}{median * 1000:>7.0f} ms{documents / median:>10,.0f}{peak:>7.0f} MB")


if __name__ == "__main__":
    main()
