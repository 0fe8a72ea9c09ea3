"""Drivers that are killed at random moments, under load: run again, they end where they should, and lose nothing."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from pathlib import Path

import pytest
from living import PHASES, Release, answered
from world import World

KILLS = int(os.environ.get("KUBECTL_CANARY_KILLS", "20"))
LONGEST = 6.0  # seconds after which a driver is killed at the latest
MOST_CHANGES = 4  # lines that a verb says of what it has changed


def run_killed(release: Release, chance: random.Random, *words: str) -> bool:
    """Run a verb, kill it somewhere, and run it again; answers whether it was killed before it ended."""
    process = release.start(*words)
    if chance.random() < 0.5:
        for _ in range(chance.randint(1, MOST_CHANGES)):  # right after a change, which is when it hurts most
            process.stdout.readline()
        process.kill()
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=chance.uniform(0.1, LONGEST))
        process.kill()
    process.communicate()
    release.do(*words)
    return process.returncode == -9


@pytest.mark.short_on("traefik")
def test_who_is_killed_and_runs_again_ends_where_he_should(world: World, tmp_path: Path) -> None:
    seed = int(os.environ.get("KUBECTL_CANARY_SEED", str(time.time_ns())))
    print(f"KUBECTL_CANARY_SEED={seed}")
    chance, killed = random.Random(seed), 0
    release = Release(world, tmp_path, drain="1s")
    release.do("apply", "--phase=deploy")
    here = "deploy"
    with world.load(release.namespace.host) as load:
        while killed < KILLS:
            verb, goal = chosen(chance, here)
            words = [verb] if verb != "apply" else [verb, f"--phase={goal}"]
            killed += run_killed(release, chance, *words)
            assert (goal, True) == (release.phase, release.status["settled"]), f"{seed}: {words} from {here}"
            assert [] == release.left_by_drivers, f"{seed}: {words} from {here}"
            here = goal
            if here == "promoted":
                release.do("rollback")
                here = "before"
    answered(load, 1000)
    release.do("rollback")
    assert ([], "before") == (release.left, release.phase)


def chosen(chance: random.Random, here: str) -> tuple[str, str]:
    """A verb, and the phase that it leads to from here."""
    if here != "before" and chance.random() < 0.3:
        return "rollback", "before"
    if here == "100%":
        return "promote", "promoted"
    return "apply", PHASES[PHASES.index(here) + 1] if here in PHASES else "deploy"
