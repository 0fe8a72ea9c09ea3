"""From the start of `rollback` to the canary's last answer, beside the bare one-liner.

    make bench-safety [GATEWAY=contour]

Starts a world with a gateway and load. Each command runs RUNS times, all in turn, from 25 %, after one warm-up of each;
before every run the route is put back, outside the measured time. Printed are the median and its ratio to the first.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).resolve().parent.parent / place) for place in ("tests/world", "tests/tools")
]

import world as worlds
from living import Release

RUNS = 20
FOLLOWING = 8.0  # seconds in which every gateway has followed
ROUTE = ("patch", "httproute", "my-app-canary-route", "--type=json", "-p")


def main() -> None:
    with worlds.running(*sys.argv[1:2]) as world, tempfile.TemporaryDirectory() as folder:
        release = Release(world, Path(folder), drain="1s")
        release.to("25%")
        commands: dict[str, Callable[[], subprocess.Popen[str]]] = {
            "kubectl patch, the bare one-liner": lambda: patch(release, 100),
            "kubectl get, then kubectl patch": lambda: patch_what_is_there(release),
            "kubectl canary rollback --keep": lambda: release.start("rollback", "--keep"),
        }
        figures: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(RUNS + 1):
            for name, start in commands.items():
                seconds = until_the_last_answer(release, start)
                figures[name] += [seconds] if number else []
        tell(world.gateway, figures)


def patch(release: Release, stable: int) -> subprocess.Popen[str]:
    """The one-liner, which tests nothing: stable's weight of the last rule, the canary gets the rest of 100."""
    rule = len(release.route["spec"]["rules"]) - 1
    place = f"/spec/rules/{rule}/backendRefs"
    weights = enumerate((stable, 100 - stable))
    operations = [{"op": "replace", "path": f"{place}/{n}/weight", "value": value} for n, value in weights]
    return release.world.popen("-n", release.namespace, *ROUTE, json.dumps(operations))


def patch_what_is_there(release: Release) -> subprocess.Popen[str]:
    """What whoever does it by hand has to ask first: where the release is."""
    release.kubectl("get", "httproutes,deployments,services", "-o", "json")
    return patch(release, 100)


def until_the_last_answer(release: Release, start: Callable[[], subprocess.Popen[str]]) -> float:
    """Seconds from the start of a command to the last answer of the canary."""
    release.do("apply", "--phase=25%", "--skip")
    with release.world.load(release.namespace.host, rate=2000, gets_only=True) as load:
        time.sleep(1)
        began = load.now
        process = start()
        process.communicate()
        time.sleep(max(0.0, FOLLOWING - (load.now - began)))
    if process.returncode:
        raise RuntimeError("the command failed")
    return load.last("v1.1.0") - began


def tell(gateway: str, figures: dict[str, list[float]]) -> None:
    base = statistics.median(next(iter(figures.values())))
    print(f"{f'through {gateway}':42}{'median':>10}{'ratio':>8}   ({RUNS} runs each, in turn)")
    for name, runs in figures.items():
        median = statistics.median(runs)
        print(f"{name:42}{median * 1000:>7.0f} ms{median / base:>8.1f}")


if __name__ == "__main__":
    main()
