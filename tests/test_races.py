"""A short run of tests/races.py; the long one is `make races`."""

from __future__ import annotations

from pathlib import Path

import races
from conftest import Cluster


def test_no_patch_hits_the_wrong_target_and_nothing_of_others_is_lost(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    plan, route = races.prepared(tmp_path, namespace)
    tally = races.race(cluster.kubeconfig, namespace, plan, route, 200, guarded=True, seed=7)
    assert ([], []) == (tally.lost, tally.missed)
    assert tally.counts["sent"] >= 8, tally.counts
    assert tally.counts["writes"] >= 100, tally.counts


def test_the_harness_bites_the_one_liner_by_index(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    plan, route = races.prepared(tmp_path, namespace)
    tally = races.race(cluster.kubeconfig, namespace, plan, route, 100, guarded=False, seed=7)
    assert len(tally.missed) + len(tally.lost) >= 10
