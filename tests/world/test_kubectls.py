"""kubectl of the minor versions that are supported beside the newest: the same verbs, and what they say."""

from __future__ import annotations

import time
from pathlib import Path

import build
import pytest
from living import Release, answered
from world import World

pytestmark = pytest.mark.short_on("traefik")


OLDEST = min(build.OLDER_KUBECTLS)
VERSIONS = [
    pytest.param(minor, id=f"1.{minor}", marks=[] if minor == OLDEST else [pytest.mark.long])
    for minor in build.OLDER_KUBECTLS
]


@pytest.fixture(params=VERSIONS)
def kubectl(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An older kubectl, in the place of the newest."""
    name = f"kubectl-1.{request.param}"
    monkeypatch.setenv("KUBECTL_PATH", str(build.ensure(name)))
    return name.replace("kubectl-", "v")


def test_an_older_kubectl_leads_a_release_as_well(kubectl: str, world: World, tmp_path: Path) -> None:
    release = Release(world, tmp_path)
    assert kubectl in release.ask("doctor").stdout
    with world.load(release.namespace.host) as load:
        release.to("5%")
        assert 1 == release.ask("diff", "--phase=25%").returncode
        release.do("next")
        release.do("rollback")
    answered(load, 1000)
    assert ([], "before") == (release.left, release.phase)


def test_what_an_older_kubectl_says_of_no_answer_is_understood(
    kubectl: str, world: World, tmp_path: Path
) -> None:
    release = Release(world, tmp_path)
    release.to("deploy")
    process = release.start("apply", "--phase=header-only")
    time.sleep(1.5)
    world.kill("apiserver")
    time.sleep(1)
    world.start("apiserver")
    _, said = process.communicate(timeout=120)
    assert 0 == process.returncode, f"{kubectl}: {said}"
    assert "header-only" == release.phase
