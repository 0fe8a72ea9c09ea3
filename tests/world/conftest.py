"""One world after the other, each with another gateway."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import build
import world as worlds


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--gateway", choices=[*build.GATEWAYS], help="only this gateway, instead of each")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "world" in metafunc.fixturenames:
        only = metafunc.config.getoption("--gateway")
        metafunc.parametrize("world", [only] if only else [*build.GATEWAYS], indirect=True, scope="session")


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Iterator[worlds.World]:
    """A running world: Traefik's for the first half of the tests, then Contour's."""
    if problem := worlds.forbidden():
        if os.environ.get("KUBECTL_CANARY_WORLD") == "required":
            pytest.fail(problem)
        pytest.skip(problem)
    with worlds.running(request.param) as running:
        yield running
