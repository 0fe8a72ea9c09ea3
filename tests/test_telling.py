"""What verbs that lead a release tell, and where it stands once they have."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TextIO

import pytest
from conftest import SEED, run_here
from releases import a_release

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run import calls, driving
from kubectl_canary.commands.run.calls import Call
from kubectl_canary.commands.run.driving import Teller, say_where
from kubectl_canary.driving.world import Event
from kubectl_canary.errors import WorldError
from kubectl_canary.outside import output as outputs
from kubectl_canary.outside import terminal as terminals
from kubectl_canary.outside.output import ClosedPipe
from kubectl_canary.outside.terminal import live_line
from kubectl_canary.reading.release import Release
from kubectl_canary.records import replace
from kubectl_canary.rendering.parts import live_parts

PLAN = a_release()
ROUTE = next(part for part in live_parts(PLAN) if part.is_route)
PATCHED = Event("made", "patched", ROUTE)


def test_changes_are_data_and_what_is_waited_for_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    teller = Teller("text")
    teller.tell(PATCHED)
    teller.tell(Event("waiting", "Deployment shop-canary has 0 of 1 ready"))
    out, err = capfd.readouterr()
    assert "httproute.gateway.networking.k8s.io/shop-canary-route patched\n" == out
    assert "Deployment shop-canary has 0 of 1 ready\n" == err


def test_events_for_programs_are_a_line_each(capfd: pytest.CaptureFixture[str]) -> None:
    Teller("json").tell(PATCHED)
    out, _ = capfd.readouterr()
    assert (
        '{"event":"made","object":"httproute.gateway.networking.k8s.io/shop-canary-route","text":"patched"}\n'
        == out
    )


@pytest.mark.parametrize(
    ("error", "said"), [(ClosedPipe(), ""), (WorldError("the disk is full"), "the disk is full\n")]
)
def test_nobody_who_reads_stops_no_release(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def write(_: str) -> None:
        raise error

    monkeypatch.setattr(driving, "write", write)
    Teller("text").tell(PATCHED)
    assert ("", said) == capfd.readouterr()


WAITING = Event("waiting", "Deployment shop-canary has 0 of 1 ready")
MARK = b"\0"
TICK = replace(WAITING, kind="tick", seconds=12.4)


@dataclass(frozen=True)
class Streams:
    """What a program of ours takes for `sys`."""

    stderr: TextIO

    @property
    def stdout(self) -> TextIO:
        return sys.stdout


def read_so_far(own: int, theirs: int) -> str:
    """What was written to a terminal: the kernel may hand it over in parts, up to our mark."""
    os.write(theirs, MARK)
    seen = b""
    while not seen.endswith(MARK):
        seen += os.read(own, 65536)
    return seen.removesuffix(MARK).decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Standard error is a terminal of 40 columns; what is on it is read, and it ends."""
    own, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    stream = os.fdopen(theirs, "w")
    streams = Streams(stream)
    monkeypatch.setattr(terminals, "sys", streams)
    monkeypatch.setattr(outputs, "sys", streams)
    monkeypatch.setenv("TERM", "xterm")
    yield lambda: read_so_far(own, theirs)
    stream.close()
    os.close(own)


def test_on_a_terminal_one_line_says_for_how_long(terminal: Callable[[], str]) -> None:
    teller = Teller("text", live_line())
    for event in (WAITING, TICK, Event("conflict", "somebody was quicker")):
        teller.tell(event)
    teller.clear()
    assert [
        "",
        "Deployment shop-canary has 0 of 1 ready",
        "Deployment shop-canary has 0 of  (12 s)",
        "somebody was quicker\r\n",
    ] == terminal().split("\r\x1b[K")


def test_a_line_is_cut_to_the_terminal_and_is_one_line(terminal: Callable[[], str]) -> None:
    line = live_line()
    assert line is not None
    line.show("wait\nfor " + "漢" * 40, " (3 s)")
    assert terminal() == "\r\x1b[Kwait for " + "漢" * 12 + " (3 s)"


def test_changes_stand_on_lines_of_their_own(
    terminal: Callable[[], str], capfd: pytest.CaptureFixture[str]
) -> None:
    teller = Teller("text", live_line())
    teller.tell(WAITING)
    teller.tell(PATCHED)
    assert terminal().endswith("\r\x1b[K")
    assert "httproute.gateway.networking.k8s.io/shop-canary-route patched\n" == capfd.readouterr().out


def test_a_terminal_that_cannot_move_its_cursor_has_no_such_line(
    terminal: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert live_line() is not None
    monkeypatch.setenv("TERM", "dumb")
    assert live_line() is None


@pytest.mark.parametrize("output", ["text", "json"])
def test_elsewhere_what_lasts_is_said_once(output: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert live_line() is None
    teller = Teller(output, live_line())
    for event in (WAITING, TICK, TICK):
        teller.tell(event)
    assert 1 == "".join(capfd.readouterr()).count("\n")


def test_programs_get_no_such_line_on_a_terminal_either(
    terminal: Callable[[], str], capfd: pytest.CaptureFixture[str]
) -> None:
    teller = Teller("json", live_line())
    teller.tell(WAITING)
    teller.tell(TICK)
    assert '{"event":"waiting","text":"Deployment shop-canary has 0 of 1 ready"}\n' == capfd.readouterr().out


@pytest.mark.parametrize(
    ("phase", "following"),
    [
        ("deploy", "kubectl canary apply --phase header-only"),
        ("100%", "kubectl canary promote"),
        ("promote-roll", "kubectl canary promote"),
        ("promoted", ""),
        ("before", ""),
    ],
)
def test_what_is_next_is_a_command(phase: str, following: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(driving, "say", said.append)
    monkeypatch.setattr(
        calls, "command_line", lambda *words, release, cluster: " ".join(("kubectl canary", *words))
    )
    release = Release.__new__(Release)
    object.__setattr__(release, "plan", PLAN)
    call = Call("apply", release, ReleaseFlags(), DriveFlags(), ClusterFlags())
    say_where(call, PLAN.find(phase))
    assert f"shop in web is at {phase}." == said[0].partition("  ")[0]
    assert following == said[0].partition("Next: ")[2].partition("  ")[0]


@pytest.mark.parametrize(
    "words",
    [["--phase", "rollback"], ["--phase", "rolled-back"], ["--set", "spec.phase=rollback from 5%"]],
    ids=" ".join,
)
def test_apply_leads_to_no_way_back_whoever_names_it(words: list[str]) -> None:
    done = run_here("apply", "-f", SEED, *words)
    assert (2, "") == (done.code, done.out)
    assert "is a way back" in done.err
    assert "kubectl canary rollback" in done.err
