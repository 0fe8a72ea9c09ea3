"""A folder remembers the release that was rendered into it, and refuses a step that would hurt."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SEED, Result

Canary = Callable[..., Result]
WAY = (
    "deploy",
    "mirror 20%",
    "header-only",
    "5%",
    "10%",
    "25%",
    "50%",
    "100%",
    "promote-roll",
    "promote-return",
    "promoted",
)


@pytest.fixture
def render(canary: Canary, tmp_path: Path) -> Callable[..., Result]:
    """Render the example into one folder, with some of its values set."""

    def call(*settings: str, flags: tuple[str, ...] = ()) -> Result:
        given = [word for setting in settings for word in ("--set", setting)]
        return canary("render", "-f", SEED, "--all", "-o", f"dir={tmp_path / 'out'}", *given, *flags)

    return call


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of releases that were rendered phase by phase, by the phase that each has come to."""
    return tmp_path_factory.mktemp("walked")


@pytest.fixture
def moved(render: Callable[..., Result], walked: Path, tmp_path: Path) -> Callable[[str], None]:
    """Render the example phase by phase up to one; a folder that came there before is copied."""

    def move(to: str) -> None:
        way = WAY[: WAY.index(to) + 1]
        known = [number for number, phase in enumerate(way) if (walked / phase).exists()]
        if known:
            shutil.copytree(walked / way[known[-1]], tmp_path / "out")
        for phase in way[known[-1] + 1 if known else 0 :]:
            assert 0 == render(f"spec.phase={phase}").code
            shutil.copytree(tmp_path / "out", walked / phase)

    return move


def test_a_release_is_rendered_phase_by_phase_and_the_next_one_starts_from_what_runs(
    render: Callable[..., Result], moved: Callable[[str], None]
) -> None:
    moved("promoted")
    old = render("spec.phase=deploy", "spec.canary.tag=v1.2.0")
    assert (1, "") == (old.code, old.out)
    assert "registry.example.com/my-app:v1.1.0 was promoted, and this takes stable back to " in old.err
    assert "write what runs: spec.stable.tag: v1.1.0" in old.err
    assert 0 == render("spec.phase=deploy", "spec.stable.tag=v1.1.0", "spec.canary.tag=v1.2.0").code


@pytest.mark.parametrize(
    ("at", "settings", "code", "said"),
    [
        ("5%", ["spec.phase=25%"], 1, "spec.phase: `5%` is here, and this leaves out `10%`; write `phase: 10%` first, or say --skip"),
        ("5%", ["spec.phase=100%"], 1, "`5%` runs 1 pod of the canary, `100%` needs 3; from `5%`: forward `phase: 10%`, back `phase: rollback from 5%`"),
        ("50%", ["spec.phase=10%"], 1, "`10%` takes canary pods away that still serve in `50%`"),
        ("50%", ["spec.phase=rolled-back"], 1, "`rolled-back` takes canary pods away that still serve in `50%`"),
        ("50%", ["spec.phase=rollback from 50%"], 0, ""),
        ("50%", ["spec.phase=rollback from 25%"], 0, ""),
        ("50%", ["spec.phase=rollback-promotion from promote-roll"], 1, "sends all requests to the canary, and promotion has not begun in `50%`; from `50%`: forward `phase: 100%`, back `phase: rollback from 50%`"),
        ("100%", ["spec.phase=rollback-promotion from promote-roll"], 0, ""),
        ("100%", ["spec.phase=rollback from 5%"], 0, "warning: spec.phase: `rollback from 5%` takes canary pods away that still serve in `100%`"),
        ("promote-return", ["spec.phase=rollback-promotion from promote-return"], 0, ""),
        ("promoted", ["spec.phase=deploy"], 1, "`deploy` rolls the stable pods while they serve"),
        ("5%", ["spec.phase=5%", "spec.stable.tag=v0.9.0"], 1, "the folder is at registry.example.com/my-app:v1.0.0, and stable is registry.example.com/my-app:v0.9.0 here"),
        ("100%", ["spec.phase=deploy", "spec.stable.tag=v1.1.0", "spec.canary.tag=v1.2.0"], 1, "and stable is registry.example.com/my-app:v1.1.0 here"),
        ("25%", ["spec.phase=25%", "spec.canary.tag=v1.2.0"], 1, "spec.canary: `25%` is under way with registry.example.com/my-app:v1.1.0: this changes pods that serve"),
        ("100%", ["spec.phase=promote-roll", "spec.canary.tag=v9.9.9"], 1, "promote it, or write `phase: rollback from 100%` first"),
        ("25%", ["spec.phase=25%", "spec.service.targetPort=1234"], 0, "warning: spec: what is there without the release (Services, route, Gateway, replicas) is another"),
        ("deploy", ["spec.phase=deploy", "spec.canary.tag=v1.2.0"], 0, ""),
        ("promoted", ["spec.phase=100%", "spec.stable.tag=v1.1.0", "spec.canary.tag=v1.2.0"], 1, "`before` runs 0 pods of the canary, `100%` needs 3"),
        ("promoted", ["spec.phase=promote-roll", "spec.stable.tag=v1.1.0", "spec.canary.tag=v1.2.0"], 1, "`promote-roll`"),
        ("5%", ["spec.phase=promote-roll", "spec.container.args=[x]"], 1, "`5%` runs 1 pod of the canary, `promote-roll` needs 3"),
        ("50%", ["spec.phase=rolled-back", "spec.canary.tag=v3"], 1, "`rolled-back` takes canary pods away that still serve in `50%`"),
        ("50%", ["spec.phase=before", "spec.phases=[10%, 20%]"], 1, "the folder is at `50%`, which the file has no more; put the phase back, or write `phase: rollback from 50%`"),
        ("promote-roll", ["spec.phase=deploy", "spec.canary.tag=v3"], 1, "write `phase: rollback-promotion from promote-roll` first"),
        ("promote-return", ["spec.phase=before", "spec.canary=null", "spec.stable.tag=v1.1.0"], 0, ""),
        ("deploy", ["spec.phase=100%"], 1, "`deploy` runs 1 pod of the canary, `100%` needs 3"),
        ("25%", ["spec.phase=before", "spec.canary=null"], 1, "spec: `25%` is under way, and this takes canary pods away that still serve; write `phase: rollback from 25%` first"),
        ("deploy", ["spec.phase=before", "spec.canary=null", "spec.stable.tag=v0.9.0"], 0, "warning: spec.stable: the folder is at registry.example.com/my-app:v1.0.0"),
        ("25%", ["spec.phase=25%", "spec.container.args=[x]"], 0, "this rolls the pods that serve; a version's own configuration belongs under spec.canary"),
        ("25%", ["spec.phase=rollback from 25%", "spec.stable.tag=v0.9.0"], 0, ""),
        ("5%", ["spec.phase=5%", "spec.stable.replicas=external", "spec.canary.replicas=3"], 1, "leaving it out makes the API server set it to 1; take it from what applies"),
    ],
)  # fmt: skip
def test_a_step_from_what_the_folder_holds(
    render: Callable[..., Result],
    moved: Callable[[str], None],
    tmp_path: Path,
    at: str,
    settings: list[str],
    code: int,
    said: str,
) -> None:
    moved(at)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    result = render(*settings)
    assert (code, "") == (result.code, result.out), result.err
    assert said in result.err
    if code:
        assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}


def test_after_a_way_back_another_release_may_start(
    render: Callable[..., Result], moved: Callable[[str], None]
) -> None:
    moved("50%")
    assert 0 == render("spec.phase=rollback from 50%").code
    assert 0 == render("spec.phase=before", "spec.canary=null").code
    assert 0 == render("spec.phase=deploy", "spec.canary.tag=v1.2.0").code


def test_a_digest_is_no_tag(render: Callable[..., Result]) -> None:
    pinned = "registry.example.com/my-app@sha256:" + "a" * 64
    assert 0 == render("spec.phase=deploy", f"spec.stable={{image: {pinned}}}").code
    refused = render("spec.phase=deploy", "spec.stable={image: registry.example.com/my-app:v0}")
    assert f"write what runs: spec.stable.image: {pinned}" in refused.err


def test_flags_of_the_user_go_further(render: Callable[..., Result], moved: Callable[[str], None]) -> None:
    moved("5%")
    assert 0 == render("spec.phase=25%", flags=("--skip",)).code
    external = ("spec.phase=25%", "spec.stable.replicas=external", "spec.canary.replicas=3")
    assert 0 == render(*external, flags=("--replicas-handed-over",)).code
    assert 0 == render(*external).code


def test_promoted_says_what_to_write(canary: Canary) -> None:
    advice = "Once `promoted` is reached, write what runs into "
    configured = ("--set", "spec.canary.container={env: [{name: NEW, value: x}]}")
    for words in (
        ["render", "--phase", "promoted"],
        ["patch", "--from", "promote-return", "--to", "promoted"],
    ):
        result = canary(words[0], "-f", SEED, *words[1:], *configured)
        assert advice + str(SEED) in result.err
        assert "    tag: v1.1.0\n" in result.err.replace("      tag", "    tag")
        assert "name: NEW" in result.err
        plain = canary(words[0], "-f", SEED, *words[1:])
        assert "    tag: v1.1.0\n" in plain.err
        assert "container:" not in plain.err  # what is stable's already
    assert advice in canary("plan", "-f", SEED).out
    assert advice not in canary("render", "-f", SEED, "--phase", "5%").err
