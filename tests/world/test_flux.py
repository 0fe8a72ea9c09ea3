"""A release by commits alone, which Flux brings into the cluster: every request is answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import engines
import pytest
from engines import Developer, there_and_back, until
from living import answered
from world import World

pytestmark = pytest.mark.short_on("traefik")


@pytest.fixture
def developer(world: World, tmp_path: Path) -> Iterator[Developer]:
    with engines.flux(world, tmp_path) as url:
        made = Developer(world, tmp_path, url, "flux")
        made.follow()
        yield made


def test_a_release_by_commits_and_the_next_one_aborted_lose_no_request(developer: Developer) -> None:
    there_and_back(developer)
    assert [] == developer.left


@pytest.mark.long
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
    answered(load, engines.LEAST)
