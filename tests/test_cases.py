"""Golden folders: every phase of each canary file, byte for byte. `pytest --update` rewrites them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_canary.commands import inputs
from kubectl_canary.errors import Refused
from kubectl_canary.rendering import objects
from kubectl_canary.rendering.generator import Generator

CASES = sorted((Path(__file__).parent / "cases").iterdir())


def rendered_phases(case: Path) -> dict[str, str]:
    """Each phase of the main line, and the declared one, as `render` prints it."""
    plan = inputs.load([str(case / "canary.yaml")]).plan
    generator = Generator()
    return {
        f"{number:02}-{phase.slug}.yaml": "---\n".join(
            one.text for one in generator.render(objects.planned(plan.application, phase))
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


def test_the_minimum_has_no_line_too_many(tmp_path: Path) -> None:
    lines = (Path(__file__).parent / "cases/minimal/canary.yaml").read_text().splitlines(keepends=True)
    for number in range(len(lines)):
        shorter = tmp_path / f"{number}.yaml"
        shorter.write_text("".join(lines[:number] + lines[number + 1 :]))
        with pytest.raises(Refused):
            declared_phase(shorter)


def declared_phase(file: Path) -> str:
    loaded = inputs.load([str(file)])
    if loaded.current is None:
        raise Refused("no phase", [])
    return "".join(
        one.text for one in Generator().render(objects.planned(loaded.plan.application, loaded.current))
    )
