"""From pressing enter to the API server's acceptance: our ways back beside the bare one-liner.

    make bench-rollback

Starts a real API server. Each command runs RUNS times, all in turn, after one warm-up of each; before every run the
route is put back to 25 %, outside the measured time. Printed are the median and the ratio to the one-liner; then the
same of `status` beside the one call of kubectl that it needs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 15
EXAMPLE = ROOT / "examples/my-app/canary.yaml"
BACK = "rollback from 25%"
UNWAITED = 'grep -v "^wait_until \'"'  # nothing accepts a route here
ROUTE = "httproute my-app-canary-route -n production"
ONE_LINER = json.dumps(
    [
        {"op": "replace", "path": f"/spec/rules/1/backendRefs/{n}/weight", "value": w}
        for n, w in ((0, 100), (1, 0))
    ]
)

sys.path.insert(0, str(ROOT / "tests"))
import apiserver
import installed
from apiserver import build


def main() -> None:
    with apiserver.running() as kubeconfig, tempfile.TemporaryDirectory() as scratch:
        programs = installed.environment(Path(scratch))
        path = f"{programs}:{build.ensure('kubectl').parent}:/usr/bin:/bin"
        measure_all({**os.environ, "PATH": path, "KUBECONFIG": str(kubeconfig)}, Path(scratch))


def measure_all(environment: dict[str, str], scratch: Path) -> None:
    def shell(line: str) -> float:
        start = time.perf_counter()
        subprocess.run(["sh", "-euc", line], env=environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    shell("kubectl create namespace production")
    shell(f"kubectl-canary render -f {EXAMPLE} --set spec.phase=25% --all -o dir={scratch}/out")
    route = f"{scratch}/out/current/40-httproute-my-app-canary-route.yaml"
    shell(f"kubectl apply -f {scratch}/out/current")
    shell(f"{UNWAITED} {scratch}/out/rollback/rollback.sh > {scratch}/rollback.sh")
    from_25, live = f"-f {EXAMPLE} --from 25%", f"-f {EXAMPLE} --to '{BACK}' --live"
    commands = {
        "kubectl patch, the bare one-liner": f"kubectl patch {ROUTE} --type=json -p '{ONE_LINER}'",
        "sh rollback/rollback.sh": f"sh {scratch}/rollback.sh",
        "kubectl apply -f rollback/rollback.yaml": f"kubectl apply -f {scratch}/out/rollback/rollback.yaml",
        "rollback --print -o kubectl | sh": f"kubectl-canary rollback --print {from_25} -o kubectl | {UNWAITED} | sh",
        "rollback --print | kubectl apply": f"kubectl-canary rollback --print {from_25} | kubectl apply -f -",
        "rollback --print alone": f"kubectl-canary rollback --print {from_25}",
        "patch --live --to rollback | sh": f"kubectl-canary patch {live} -o kubectl | {UNWAITED} | sh",
    }
    looks = {
        "kubectl get, of what a release has": "kubectl get httproutes,deployments,services -n production -o json",
        "kubectl canary status": f"kubectl-canary status -f {EXAMPLE} || true",  # no pods run here
    }

    def put_back_and_do(line: str) -> float:
        shell(f"kubectl replace -f {route}")
        return shell(line)

    compare(commands, put_back_and_do)
    print()
    compare(looks, shell)


def compare(commands: dict[str, str], take: Callable[[str], float]) -> None:
    """Measure command lines in turn, and print each beside the first."""
    figures: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(RUNS + 1):
        for name, line in commands.items():
            seconds = take(line)
            figures[name] += [seconds] if number else []
    base = statistics.median(next(iter(figures.values())))
    print(f"{'':42}{'median':>10}{'ratio':>8}   ({RUNS} runs each, in turn)")
    for name, runs in figures.items():
        median = statistics.median(runs)
        print(f"{name:42}{median * 1000:>7.1f} ms{median / base:>8.1f}")


if __name__ == "__main__":
    main()
