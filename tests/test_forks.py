"""Work in parts, done by several processes: the same answers, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from conftest import ROOT

BEGIN = """
import os, signal, sys, threading, time
from kubectl_canary.outside import forks
from kubectl_canary.outside.forks import Forks

HERE = os.getpid()
def is_here():
    return os.getpid() == HERE
def answers(works, cores=3):
    with Forks(cores) as known:
        for work in works:
            known.begin(work)
        return known.answers()
def nobody_is_left():
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        return True
"""


def said(code: str) -> str:
    """What Python prints in a process that has one thread, as a command line of ours has."""
    program = BEGIN + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    return done.stdout + done.stderr


def test_parts_are_done_by_others_and_answered_in_their_order() -> None:
    code = """
        works = [lambda number=number: (number, is_here()) for number in range(20)]
        known = answers(works)
        print([number for number, _ in known] == [*range(20)], any(here for _, here in known))
        print(all(here for _, here in known), nobody_is_left())
    """
    assert "True True\nFalse True\n" == said(code)


def test_a_large_answer_arrives_whole() -> None:
    code = """
        known = answers([lambda: "a" * 5_000_000, lambda: "b" * 5_000_000, lambda: is_here()])
        print([len(text) for text in known[:2]], {known[0][0], known[1][-1]} == {"a", "b"})
    """
    assert "[5000000, 5000000] True\n" == said(code)


@pytest.mark.parametrize(
    "ends",
    ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)", "sys.exit(77)", "raise KeyboardInterrupt"],
)
def test_what_a_process_has_not_done_is_done_here(ends: str) -> None:
    code = f"""
        def work():
            if not is_here():
                {ends}
            return "done"
        print(answers([work] * 5), nobody_is_left())
    """
    assert "['done', 'done', 'done', 'done', 'done'] True\n" == said(code)


@pytest.mark.parametrize(
    "setting",
    [
        "answered = answers([is_here] * 5, cores=1)",
        "threading.Thread(target=time.sleep, args=[60], daemon=True).start()\nanswered = answers([is_here] * 5)",
        "del os.fork\nanswered = answers([is_here] * 5)",
        "def fork(): raise BlockingIOError(11, 'no more processes')\nos.fork = fork\nanswered = answers([is_here] * 5)",
    ],
    ids=["one core", "threads", "no fork", "no more processes"],
)
def test_where_there_are_no_others_all_is_done_here(setting: str) -> None:
    assert "[True, True, True, True, True] 0\n" == said(
        f"before = len(os.listdir('/proc/self/fd'))\n{setting}\n"
        "print(answered, len(os.listdir('/proc/self/fd')) - before, flush=True); os._exit(0)"
    )


def test_how_nobody_knows_a_process_ended_is_no_answer() -> None:
    code = """
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        print(answers([is_here] * 5))
    """
    assert "[True, True, True, True, True]\n" == said(code)


def test_what_a_part_raises_is_raised_here() -> None:
    code = """
        def work():
            raise ValueError("wrong")
        try:
            answers([lambda: 1, work, lambda: 2])
        except ValueError as error:
            print(error, nobody_is_left())
    """
    assert "wrong True\n" == said(code)


def test_who_leaves_early_leaves_nobody_behind() -> None:
    code = """
        try:
            with Forks(3) as known:
                for _ in range(5):
                    known.begin(lambda: time.sleep(60))
                raise ValueError("enough")
        except ValueError as error:
            print(error, nobody_is_left())
    """
    began = time.monotonic()
    assert "enough True\n" == said(code)
    assert time.monotonic() - began < 30


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Manifests in files and Lists of which some are wrong, unknown or no manifests at all, and one that is no YAML."""
    folder = tmp_path / "many"
    folder.mkdir()
    route = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r-{0}}}\n"
        "spec: {{rules: [{{backendRefs: [{{name: s, port: {1}}}]}}]}}\n"
    )
    for file in range(6):
        texts = [route.format(f"{file}-{number}", 80 if number % 3 else 70000) for number in range(5)]
        texts.append("apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\n")
        texts.append("apiVersion: v1\nkind: Service\nmetadata: {name: S}\nspec: {typo: 1}\n")
        texts.append("- just\n- a list\n")
        (folder / f"{file}.yaml").write_text("---\n".join(texts))
    (folder / "wrong.yaml").write_text("a: b: c\n")
    return folder


def judged(folder: Path, *words: str, first: int, at_once: int) -> tuple[int, str, str, int]:
    """The exit code, what is printed and said by `validate`, and how many processes it has begun."""
    code = f"""
        from kubectl_canary import cli
        from kubectl_canary.commands.run import ahead
        ahead.FIRST, ahead.AT_ONCE = {first}, {at_once}
        forks._cores = lambda: 3
        begun, fork = [], os.fork
        def counted():
            begun.append(1)
            return fork()
        os.fork = counted
        code = cli.run(["validate", {str(folder)!r}, *{words!r}], "kubectl canary")
        print(len(begun), file=sys.stderr)
        sys.exit(code)
    """
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    *told, begun = done.stderr.splitlines()
    return done.returncode, done.stdout, "\n".join(told), int(begun)


@pytest.mark.parametrize(
    "words", [(), ("--admission-only",), ("-o", "json"), ("-o", "junit"), ("-o", "sarif")]
)
def test_many_manifests_are_judged_as_few_are(many: Path, words: tuple[str, ...]) -> None:
    alone = judged(many, *words, first=100, at_once=1000)
    beside = judged(many, *words, first=2, at_once=7)
    assert 0 == alone[3] < beside[3]
    assert alone[:3] == beside[:3]
    assert 1 == alone[0]
    assert "70000" in alone[1]


def test_who_interrupts_a_long_validation_leaves_nobody_behind(many: Path) -> None:
    code = f"""
        from kubectl_canary import cli
        from kubectl_canary.commands.run import ahead
        # ignored in what a shell put into the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ahead.FIRST, ahead.AT_ONCE = 2, 7
        forks._cores = lambda: 3
        real = ahead.judged
        def slow(*arguments):
            if not is_here():
                os.write(2, b"begun\\n")
                time.sleep(60)
            return real(*arguments)
        ahead.judged = slow
        code = cli.run(["validate", {str(many)!r}], "kubectl canary")
        print(nobody_is_left())
        sys.exit(code)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert "begun\n" == process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    out, told = process.communicate(timeout=30)
    assert (130, "True\n") == (process.returncode, out)
    assert ["interrupted, nothing was printed"] == [line for line in told.splitlines() if line != "begun"]
