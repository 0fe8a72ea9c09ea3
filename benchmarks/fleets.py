"""One step of fleets of a hundred, a thousand and ten thousand targets.

    make bench-fleets

Whole processes, one of each: `plan`, the commit of one target in ten, and that of all others. Printed are the seconds,
those of a target as a ratio to the same work of a hundred targets, and the peak memory. Canary files alone: what is
rendered for a target costs the same however many there are.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import start
from measure import measure

SIZES = (100, 1_000, 10_000)
CANARY = (
    start.EXAMPLE.read_text()
    .replace("  phase: deploy", "  # phase: deploy")
    .replace("  canary:", "  # canary:")
)
FLEET = """\
apiVersion: kubectl-canary/v1alpha1
kind: Fleet
metadata: {name: shop}
spec:
  order: lockstep
  waves:
    - name: first
      targets: [{file: clusters/c-*0/canary.yaml}]
    - name: rest
      targets:
"""
QUIET = ("/bin/sh", "-c", 'exec "$@" 2>/dev/null', "sh")  # each target has a line
IDENTITY = {
    f"GIT_{who}_{what}": said
    for who in ("AUTHOR", "COMMITTER")
    for what, said in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
}


def main() -> None:
    os.environ |= IDENTITY
    base: dict[str, float] = {}
    print(f"{'targets':>8}  {'':24}{'seconds':>8}{'a target':>10}{'peak':>10}")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as scratch:
            fleet = made(Path(scratch), size)
            for name, words in commands(fleet).items():
                seconds, kilobytes = measure([*QUIET, *words])
                each = seconds / size
                ratio = each / base.setdefault(name, each)
                print(f"{size:>8}  {name:24}{seconds:>8.2f}{ratio:>10.2f}{kilobytes / 1024:>7.0f} MB")


def commands(fleet: Path) -> dict[str, list[str]]:
    """What is measured, in its order."""
    program, file = str(start.BIN / "kubectl-canary"), ("-f", str(fleet))
    return {
        "plan": [program, "plan", *file],
        "start, one in ten": [program, "start", "v2", *file, "--commit"],
        "advance, all others": [program, "advance", *file, "--commit", "--now"],
    }


def made(folder: Path, size: int) -> Path:
    """A repository with a fleet of so many targets."""
    for number in range(size):
        place = folder / f"clusters/c-{number:05}"
        place.mkdir(parents=True)
        (place / "canary.yaml").write_text(CANARY)
    others = (f"        - {{file: clusters/c-*{digit}/canary.yaml}}\n" for digit in range(1, 10))
    (folder / "fleet.yaml").write_text(FLEET + "".join(others))
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message=targets")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder / "fleet.yaml"


if __name__ == "__main__":
    main()
