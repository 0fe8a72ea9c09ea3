"""A fleet by commits alone, which Flux or Argo CD brings into the cluster: every request is answered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import ARGO_CD, FLUX, LEAST, running
from fleeting import Fleet
from living import answered
from world import World

pytestmark = pytest.mark.long


@pytest.fixture(
    params=[(FLUX, "waves"), (FLUX, "lockstep"), (ARGO_CD, "rolling-sync")],
    ids=lambda known: "-".join(known),
)
def fleet(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    engine, order = request.param
    with running(engine, world, tmp_path) as url:
        made = Fleet(world, tmp_path, url, engine, order)
        made.follow()
        yield made


def test_a_release_of_a_fleet_and_one_taken_back_lose_no_request(fleet: Fleet) -> None:
    hosts = [namespace.host for namespace in fleet.namespaces]
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(fleet.world.load(host)) for host in hosts]
        fleet.commit("start", "v1.1.0")
        while fleet.is_under_way:
            fleet.commit("advance")
        fleet.synced()
        promoted = [load.now for load in loads]
        fleet.commit("start", "v1.2.0")
        for _ in range(3):
            fleet.commit("advance")
        while fleet.is_under_way:
            fleet.commit("abort")
            fleet.synced()
    for load, since in zip(loads, promoted, strict=True):
        answered(load, LEAST // 2)
        assert {"v1.0.0", "v1.1.0"} == {*load.by_version(0, since)}
        assert "v1.1.0" in load.by_version(since)
        assert "v1.0.0" not in load.by_version(since)
    if fleet.engine == ARGO_CD:
        assert ["test", "europe"] == fleet.synced_waves
