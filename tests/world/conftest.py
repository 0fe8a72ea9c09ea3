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
    parser.addoption("--short", action="store_true", help="a part of the tests, in a third of the time")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: left out of the short form")
    config.addinivalue_line("markers", "short_on(gateway): in the short form, through this gateway alone")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--short"):
        left_out = [item for item in items if is_long(item)]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def is_long(item: pytest.Item) -> bool:
    """Whether a test is left out of the short form."""
    parameters = (
        item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    )
    elsewhere = (parameters.get("world") not in marker.args for marker in item.iter_markers("short_on"))
    return item.get_closest_marker("long") is not None or any(elsewhere)


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
