"""Whole releases through a living cluster, under load: every request is answered, by a version that the phase allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from living import PHASES, QUICK, Adopted, Release, answered
from world import World

LEAST = 20_000  # requests without which nothing is shown


@pytest.fixture(
    params=[
        pytest.param(Release, id="greenfield", marks=pytest.mark.short_on("traefik")),
        pytest.param(Adopted, id="adopted", marks=pytest.mark.short_on("contour")),
    ]
)
def release(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> Release:
    made: Release = request.param(world, tmp_path)
    return made


def test_a_whole_release_loses_no_request(release: Release) -> None:
    with release.world.load(release.namespace.host) as load:
        began = load.now
        release.to("header-only")
        tested = load.now
        release.to("100%")
        full = load.now
        release.do("promote")
    answered(load, LEAST)
    assert {"v1.0.0"} == {*load.by_version(began, tested)}
    assert {"v1.1.0"} == {*load.by_version(full)}
    assert [] == release.left
    assert ("promoted", True) == (release.phase, release.status["settled"])


@pytest.mark.short_on("traefik")
def test_a_rollback_from_the_middle_and_from_half_a_promotion_loses_no_request(release: Release) -> None:
    with release.world.load(release.namespace.host) as load:
        release.to("25%")
        release.do("rollback")
        back = load.now
        release.to("deploy")
        again = load.now
        release.to("100%")
        release.do("apply", "--phase=promote-roll")
        release.do("apply", "--phase=promote-return")
        release.do("rollback")
        end = load.now
    answered(load, LEAST)
    assert {"v1.0.0"} == {*load.by_version(back, again)}
    assert {"v1.0.0"} >= {*load.by_version(end)}
    assert ([], "before") == (release.left, release.phase)


@pytest.mark.short_on("traefik")
def test_a_mirror_goes_only_where_the_gateway_claims_it(world: World, tmp_path: Path) -> None:
    release = Release(world, tmp_path, phases=["mirror 20%", "100%"])
    release.do("apply", "--phase=deploy")
    with world.load(release.namespace.host) as load:
        done = world.canary("apply", "-f", str(release.file), "--phase=mirror 20%", *QUICK)
    answered(load, 1000)
    if world.gateway == "contour":  # which claims it
        assert (0, "mirror 20%") == (done.returncode, release.phase)
    else:
        assert (1, "") == (done.returncode, done.stdout)
        assert "RequestMirror" in done.stderr or "RequestPercentageMirror" in done.stderr


@pytest.mark.short_on("traefik")
def test_users_of_kubectl_apply_meet_no_conflict(world: World, tmp_path: Path) -> None:
    release = Release(world, tmp_path)
    release.to("5%")
    release.kubectl("apply", "-f", "-", stdin=release.do("render", "--phase=25%").partition("\nwarning")[0])
    assert "25%" == release.phase
    release.do("previous")
    assert "5%" == release.phase
    assert PHASES[2] == "5%"
