"""`run` through a living cluster, under load: to the end where gates hold, back where one does not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from living import Release, answered
from world import HERE, ROOT, World

pytestmark = pytest.mark.short_on("traefik")
KILLS = int(os.environ.get("KUBECTL_CANARY_KILLS", "20"))
LONGEST = 7.0  # seconds after which a run is killed at the latest
SHORT = {"interval": "2s", "passes": 1}


def with_gate(world: World, folder: Path, script: str, **spec: Any) -> Release:
    """A release whose gate is a shell script in every phase."""
    gate = {"name": "script", "command": ["sh", "-c", script], **SHORT}
    return Release(
        world, folder, gates=[gate], phases=["header-only", {"weight": "50%", "pause": "4s"}], **spec
    )


def test_a_healthy_release_is_promoted_and_reported(world: World, tmp_path: Path) -> None:
    release = with_gate(world, tmp_path, "echo fine")
    with world.load(release.namespace.host) as load:
        release.do("run", "--report", str(tmp_path / "report.json"))
    answered(load, 1000)
    assert ([], "promoted") == (release.left, release.phase)
    report = json.loads((tmp_path / "report.json").read_text())
    assert 0 == report["exitCode"]
    phases = ["header-only", "50%", "100%", "promote-roll"]
    assert phases == list(dict.fromkeys(found["phase"] for found in report["measured"]))


@pytest.mark.parametrize("phase", ["50%", pytest.param("promote-roll", marks=pytest.mark.long)])
def test_a_gate_that_fails_takes_the_release_back(world: World, tmp_path: Path, phase: str) -> None:
    release = with_gate(world, tmp_path, f'test "$CANARY_PHASE" != "{phase}"')
    with world.load(release.namespace.host) as load:
        done = release.ask("run", "-o", "json")
        end = load.now
        time.sleep(1)
    answered(load, 1000)
    assert 5 == done.returncode, done.stderr
    assert ([], "before") == (release.left, release.phase)
    assert {"v1.0.0"} >= {*load.by_version(end)}
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"phase": phase, "gate": "script", "verdict": "failed"}.items() <= {
        **last(events, "measured")
    }.items()


def last(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return [event for event in events if event["event"] == kind][-1]


def test_who_is_interrupted_says_how_to_go_on_and_goes_on(world: World, tmp_path: Path) -> None:
    release = with_gate(world, tmp_path, "sleep 1")
    process = release.start("run")
    deadline = time.monotonic() + 60
    while release.phase != "50%":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert 130 == process.returncode, said
    assert "kubectl canary run -f" in said or "kubectl_canary run -f" in said
    assert "rollback -f" in said
    assert [] == release.left_by_drivers
    assert (
        5
        == release.ask(
            "run", "--on-failure=rollback", "--set", 'spec.gates=[{"command": ["false"]}]'
        ).returncode
    )
    assert ([], "before") == (release.left, release.phase)


def test_a_run_that_is_killed_again_and_again_ends_where_it_should(world: World, tmp_path: Path) -> None:
    seed = int(os.environ.get("KUBECTL_CANARY_SEED", str(time.time_ns())))
    print(f"KUBECTL_CANARY_SEED={seed}")
    chance, killed = random.Random(seed), 0
    release = with_gate(world, tmp_path, "true", drain="1s")
    with world.load(release.namespace.host) as load:
        while killed < KILLS:
            process = release.start("run")
            try:
                process.communicate(timeout=chance.uniform(0.5, LONGEST))
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
            else:
                assert (0, "promoted", []) == (process.returncode, release.phase, release.left)
                release.do("rollback")
        release.do("run")
    answered(load, 1000)
    assert ([], "promoted") == (release.left, release.phase)


def leading(release: Release) -> subprocess.Popen[str]:
    """A run that has taken the release."""
    process, deadline = release.start("run"), time.monotonic() + 30
    while not release.kubectl("get", "leases", "-o", "name"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return process


@pytest.mark.long
@pytest.mark.parametrize("jump", ["+86400", "-86400"])
def test_a_clock_that_jumps_takes_no_pause_away(world: World, tmp_path: Path, jump: str) -> None:
    """The clock of whoever leads alone, by a day, while a pause lasts."""
    release = Release(world, tmp_path, phases=[{"weight": "50%", "pause": "15s"}])
    clock = tmp_path / "clock"
    clock.write_text("+0")
    with world.load(release.namespace.host) as load:
        leader = release.start("run", module="jumping", JUMP=str(clock), PYTHONPATH=f"{ROOT}:{HERE}")
        begins, _ = reached(release, "50%")
        clock.write_text(jump)
        _, ends = reached(release, "100%")
        out, err = leader.communicate(timeout=180)
    answered(load, 1000)
    assert 0 == leader.returncode, out + err
    assert ends - begins >= 15
    assert ([], "promoted") == (release.left, release.phase)


def reached(release: Release, phase: str) -> tuple[float, float]:
    """Between which times a phase was reached, in seconds: the last look without it, and the first with it."""
    deadline = time.monotonic() + 90
    without = looked = time.monotonic()
    while release.phase != phase:
        assert looked < deadline, release.phase
        without, looked = looked, time.monotonic()
    return without, time.monotonic()


@pytest.mark.long
def test_of_two_runs_one_leads_and_the_other_says_who(world: World, tmp_path: Path) -> None:
    release = with_gate(world, tmp_path, "true")
    with world.load(release.namespace.host) as load:
        first = leading(release)
        second = release.ask("run")
        out, err = first.communicate(timeout=180)
    answered(load, 1000)
    assert (0, 1) == (first.returncode, second.returncode), out + err + second.stderr
    assert "another drives this release" in second.stderr
    assert ([], "promoted") == (release.left, release.phase)


@pytest.mark.long
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_run_that_slept_for_a_minute_knows_who_leads(
    world: World, tmp_path: Path, is_replaced: bool
) -> None:
    release = with_gate(world, tmp_path, "true")
    with world.load(release.namespace.host) as load:
        sleeper = leading(release)
        time.sleep(random.uniform(0, 8))
        sleeper.send_signal(signal.SIGSTOP)
        try:
            if is_replaced:
                release.do("run")
            else:
                time.sleep(60)
        finally:
            sleeper.send_signal(signal.SIGCONT)
        out, err = sleeper.communicate(timeout=180)
    answered(load, 1000)
    assert ([], "promoted") == (release.left, release.phase)
    assert (1 if is_replaced else 0) == sleeper.returncode, out + err
    assert not is_replaced or "nothing more was done" in err, err
