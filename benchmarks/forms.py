"""Each installed form beside a plain environment: start, a render, and what a shell asks for at a tab.

    make dist bench-forms

RUNS times each, in turn. The plain environment has the wheel, compiled, under the same Python as the archive that needs
one.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import start
from measure import measure

DIST = start.ROOT / "dist"
EXAMPLE = ["-f", str(start.EXAMPLE)]
COMMANDS = {
    "--help": ["--help"],
    "render": ["render", "--phase", "5%", *EXAMPLE],
    "TAB": ["completion", "answer", "--", "render", *EXAMPLE, "--phase", ""],
}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        forms = {
            "wheel in a virtual environment": environment(Path(scratch, "environment")),
            "archive without Python": unpacked(next(DIST.glob("*_linux_*.tar.gz")), Path(scratch, "own")),
            "archive for python3": unpacked(next(DIST.glob("*_any.tar.gz")), Path(scratch, "any")),
        }
        (Path(scratch) / "python3").symlink_to(sys.executable)
        os.environ["PATH"] = f"{scratch}:/usr/bin:/bin"
        figures: dict[tuple[str, str], list[float]] = {}
        for run in range(start.RUNS + 1):
            for form, program in forms.items():
                for name, words in COMMANDS.items():
                    seconds, _ = measure([str(program), *words])
                    if run:
                        figures.setdefault((form, name), []).append(seconds)
    print(f"{'':34}" + "".join(f"{name:>12}{'ratio':>8}" for name in COMMANDS))
    plain = next(iter(forms))
    for form in forms:
        cells = ""
        for name in COMMANDS:
            median, base = (statistics.median(figures[one, name]) for one in (form, plain))
            cells += f"{median * 1000:>9.0f} ms{median / base:>8.2f}"
        print(f"{form:34}{cells}")


def environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([folder / "bin/python", *quiet, next(DIST.glob("*.whl"))], check=True)
    return folder / "bin/kubectl-canary"


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / "kubectl-canary"


if __name__ == "__main__":
    main()
