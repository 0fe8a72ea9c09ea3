"""Who a process is, and whether another has ended."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from kubectl_canary.outside import process

pytestmark = pytest.mark.skipif(
    not process.machine(os.getpid()), reason="this system does not say who a process is"
)


@pytest.fixture
def ended() -> tuple[int, str]:
    """A process that has ended, and what it was known by."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        known = process.machine(running.pid)
        assert not process.has_ended(running.pid, known)
    return running.pid, known


def test_we_are_there() -> None:
    assert not process.has_ended(os.getpid(), process.machine(os.getpid()))


def test_one_that_has_ended_is_known(ended: tuple[int, str]) -> None:
    assert process.has_ended(*ended)


def test_another_of_the_same_number_is_another(ended: tuple[int, str]) -> None:
    assert process.has_ended(os.getpid(), ended[1])


@pytest.mark.parametrize("known", ["", "elsewhere 1 2", "a b"])
def test_one_of_another_machine_may_be_alive(known: str) -> None:
    assert not process.has_ended(2**22 + 1, known)


def test_one_that_is_hidden_from_us_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `hidepid`: who may not see others' processes is told that they exist."""
    known, whoever = process.machine(os.getpid()), process.machine
    monkeypatch.setattr(process, "machine", lambda number: "" if number == 1 else whoever(number))
    assert not process.has_ended(1, known)
