"""What verbs say of themselves: whether a failure means that nothing was printed, and whether they run long."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from conftest import Result

from kubectl_canary import cli
from kubectl_canary.commands.common import verb
from kubectl_canary.errors import Refused

Canary = Callable[..., Result]
Made = Callable[..., None]


@pytest.fixture
def make_verb(monkeypatch: pytest.MonkeyPatch) -> Made:
    """A verb `act` that calls a function, and is what it is said to be."""

    def make(function: Callable[[], object], **properties: bool) -> None:
        def command() -> int:
            function()
            return 5

        module = ModuleType("kubectl_canary.commands.act")
        module.command = verb("act", "Act.", "  act", **properties)(command)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(cli.VERBS, "act", "Act")

    return make


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("error", [Refused("no", []), KeyboardInterrupt(), ZeroDivisionError()], ids=repr)
def test_only_a_verb_that_prints_once_has_printed_nothing(
    canary: Canary, make_verb: Made, error: BaseException
) -> None:
    make_verb(lambda: fail(error))
    assert ", nothing was printed\n" in canary("act").err
    make_verb(lambda: fail(error), prints_once=False)
    result = canary("act")
    assert result.code
    assert "nothing was printed\n" not in result.err


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("long", [False, True])
def test_the_collector_runs_where_the_verb_runs_long(canary: Canary, make_verb: Made, long: bool) -> None:
    states: list[bool] = []
    make_verb(lambda: states.append(gc.isenabled()), runs_long=long)
    assert 5 == canary("act").code
    assert [long] == states


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize(("long", "end"), [(False, "at once"), (True, "as Python does")])
def test_a_verb_that_runs_long_ends_as_python_does(
    make_verb: Made, monkeypatch: pytest.MonkeyPatch, long: bool, end: str
) -> None:
    class AtOnce(Exception):
        pass

    def leave(code: int) -> None:
        raise AtOnce(code)

    monkeypatch.setattr(os, "_exit", leave)
    make_verb(lambda: None, runs_long=long)
    with pytest.raises(SystemExit if end == "as Python does" else AtOnce) as left:
        cli.main(["act"])
    assert (5,) == left.value.args


def test_a_verb_that_cannot_be_imported_has_printed_nothing(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cli.VERBS, "absent", "Absent")
    result = canary("absent")
    assert 3 == result.code
    assert result.err.startswith("error: this is a bug in kubectl canary, nothing was printed\n")
