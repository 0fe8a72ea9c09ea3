"""A release by commits alone, which Argo CD brings into the cluster: every request is answered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import engines
import pytest
from engines import Developer, there_and_back, until
from living import answered
from world import World

pytestmark = pytest.mark.long


@pytest.fixture
def developer(world: World, tmp_path: Path) -> Iterator[Developer]:
    with engines.argo_cd(world, tmp_path) as url:
        made = Developer(world, tmp_path, url, "argocd")
        made.follow()
        yield made


def test_a_release_by_commits_and_the_next_one_aborted_lose_no_request(developer: Developer) -> None:
    there_and_back(developer)


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
    answered(load, engines.LEAST)
    assert ({"v1.0.0"}, []) == ({*load.by_version()}, developer.left)
