"""A release by commits alone, which Flux or Argo CD brings into the cluster: every request is answered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import ARGO_CD, FLUX, LEAST, Developer, running, until
from living import answered
from world import World


@pytest.fixture(
    params=[
        pytest.param(FLUX, marks=pytest.mark.short_on("traefik")),
        pytest.param(ARGO_CD, marks=pytest.mark.long),
    ]
)
def developer(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Developer]:
    with running(request.param, world, tmp_path) as url:
        made = Developer(world, tmp_path, url, request.param)
        made.follow()
        yield made


def test_a_release_by_commits_and_the_next_one_aborted_lose_no_request(developer: Developer) -> None:
    with developer.world.load(developer.namespace.host) as load:
        developer.commit("start", "v1.1.0")
        while developer.phase_in_file:
            developer.commit("advance")
        promoted = load.now
        developer.commit("start", "v1.2.0")
        developer.commit("advance")
        developer.commit("advance")
        while developer.phase_in_file:
            developer.commit("abort")
    answered(load, LEAST)
    assert {"v1.0.0", "v1.1.0"} == {*load.by_version(0, promoted)}
    assert {"v1.1.0", "v1.2.0"} == {*load.by_version(promoted)}
    assert [] == developer.left


@pytest.mark.long
@pytest.mark.parametrize("developer", [FLUX], indirect=True)
def test_pods_that_never_serve_hold_the_way_back_up_for_a_minute_at_most(developer: Developer) -> None:
    """While Flux waits for health it takes no newer commit: what we print bounds that."""
    with developer.world.load(developer.namespace.host) as load:
        developer.do("start", "v1.2.0")
        developer.commit_sick()
        began = load.now
        developer.do("abort", "--push")
        while developer.phase_in_file:
            developer.do("abort", "--now", "--push")
        until(lambda: developer.left == [], 90)
        print(f"gone {load.now - began:.0f} s after the abort")
    answered(load, LEAST)


@pytest.mark.long
@pytest.mark.parametrize("developer", [ARGO_CD], indirect=True)
def test_a_sync_that_waits_for_pods_is_ended_before_the_way_back(developer: Developer) -> None:
    """Argo CD takes no newer commit while it waits for the health of a wave; requests have not moved then."""
    with developer.world.load(developer.namespace.host) as load:
        developer.do("start", "v1.2.0")
        developer.commit_sick()
        developer.do("advance", "--now", "--push")
        until(lambda: "waiting for healthy" in developer.operation, 30)
        developer.do("abort", "--push")
        time.sleep(15)
        assert "waiting for healthy" in developer.operation
        developer.end_operation()
        began = load.now
        until(lambda: developer.phase in ("rollback", "deploy"), 30)
        print(f"back {load.now - began:.0f} s after the sync was ended")
        while developer.phase_in_file:
            developer.commit("abort")
    answered(load, LEAST)
    assert ({"v1.0.0"}, []) == ({*load.by_version()}, developer.left)
