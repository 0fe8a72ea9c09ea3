"""Golden folders: every phase of each canary file, byte for byte. `pytest --update` rewrites them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_canary import objects, release
from kubectl_canary.generator import Generator

CASES = sorted((Path(__file__).parent / "cases").iterdir())


def rendered_phases(case: Path) -> dict[str, str]:
    """Each phase of the main line, and the declared one, as `render` prints it."""
    plan = release.load([str(case / "canary.yaml")]).plan
    generator = Generator()
    return {
        f"{number:02}-{phase.slug}.yaml": "---\n".join(
            one.text for one in generator.render(objects.planned(plan.canary, phase))
        )
        for number, phase in enumerate((*plan.phases, *plan.ways_back()))
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_phase_is_rendered_as_expected(case: Path, request: pytest.FixtureRequest) -> None:
    expected = case / "expected"
    found = rendered_phases(case)
    if request.config.getoption("--update"):
        expected.mkdir(exist_ok=True)
        for old in expected.iterdir():
            old.unlink()
        for name, text in found.items():
            (expected / name).write_bytes(text.encode())
    assert {file.name: file.read_bytes().decode() for file in expected.iterdir()} == found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rendering_twice_gives_the_same_bytes(case: Path) -> None:
    assert rendered_phases(case) == rendered_phases(case)
