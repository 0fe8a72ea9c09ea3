"""Whole releases through a living cluster, under load: every request is answered, by a version that the phase allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import World

PHASES = ["deploy", "header-only", "5%", "10%", "25%", "50%", "100%"]
QUICK = ["--propagation=3s", "--timeout=60s"]


class Release:
    """The example's release in a namespace of its own."""

    def __init__(self, world: World, tmp_path: Path) -> None:
        self.world, self.namespace = world, world.namespace()
        self.file = world.canary_file(tmp_path / "canary.yaml", self.namespace, drain="2s")
        self.do("apply", "--phase=deploy")
        world.answers(self.namespace.host)

    def do(self, verb: str, *words: str) -> str:
        done = self.world.canary(verb, "-f", str(self.file), *QUICK, *words)
        assert done.returncode == 0, f"{verb} {words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def to(self, phase: str) -> None:
        """By every phase on the way; this gateway cannot mirror."""
        for name in PHASES[1 : PHASES.index(phase) + 1]:
            self.do("apply", f"--phase={name}", "--skip")

    @property
    def left(self) -> list[str]:
        """The names of objects that a canary has."""
        kinds = "deployments,services,leases,pods,endpointslices"
        names = self.world.kubectl("-n", self.namespace, "get", kinds, "-o", "name").split()
        return [name for name in names if "canary" in name]


@pytest.fixture
def release(world: World, tmp_path: Path) -> Release:
    return Release(world, tmp_path)


def test_a_whole_release_loses_no_request(release: Release) -> None:
    with release.world.load(release.namespace.host) as load:
        release.to("100%")
        release.do("promote")
    assert {} == load.lost
    assert load.total > 10_000
    assert [] == release.left


def test_a_mirror_goes_only_where_the_gateway_claims_it(release: Release) -> None:
    done = release.world.canary("apply", "-f", str(release.file), "--phase=mirror 20%", *QUICK)
    assert (1, "") == (done.returncode, done.stdout)
    assert "HTTPRouteRequestMirror" in done.stderr or "HTTPRouteRequestPercentageMirror" in done.stderr


def test_a_rollback_from_every_phase_loses_no_request(release: Release) -> None:
    with release.world.load(release.namespace.host) as load:
        for phase in ("deploy", "header-only", "25%", "100%"):
            release.to(phase)
            release.do("rollback")
            release.do("apply", "--phase=deploy")
    assert {} == load.lost
