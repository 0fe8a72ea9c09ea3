"""Plausible bugs, one at a time on a copy of the tree: a bug that no test finds is a missing test.

`make mutants` runs all of tests/bugs.py; `python tests/mutate.py routes.py "rounds down"` those whose file or name
has one of the words. Two run at once (`--jobs`). Exit code 1: one survived that has no reason; 2: the list is wrong,
or a test fails without a bug, where finding one proves nothing.
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bugs import BUGS, Bug

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "kubectl_canary"
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "dist", "*.egg-info"
)
LIMIT = 900  # seconds; a bug that makes an endless loop is found too
NONE_RAN = 5  # pytest's exit code
Fate = Literal["killed", "survived", "not run"]


@dataclass(frozen=True)
class Outcome:
    """What became of a bug, and which test found it."""

    bug: Bug
    fate: Fate
    found_by: str
    seconds: float


def problems(bugs: Sequence[Bug], root: Path = ROOT) -> Iterator[str]:
    """What is wrong with the list: a text that is not found exactly once, a test file that is not there."""
    names = [bug.name for bug in bugs]
    for bug in bugs:
        path = root / PACKAGE / bug.file
        count = path.read_text(encoding="utf-8").count(bug.text) if path.exists() else 0
        if count != 1:
            yield f"{bug.file}: {bug.name}: the text is found {count} times"
        if bug.text == bug.becomes:
            yield f"{bug.file}: {bug.name}: this changes nothing"
        if names.count(bug.name) > 1:
            yield f"{bug.file}: {bug.name}: the name stands twice"
        for file in bug.test_files:
            if not (root / "tests" / file).exists():
                yield f"{bug.file}: {bug.name}: there is no tests/{file}"


def chosen(bugs: Sequence[Bug], words: Sequence[str]) -> list[Bug]:
    """The bugs whose file or name has one of the words; all without words."""
    return [bug for bug in bugs if not words or any(word in f"{bug.file}: {bug.name}" for word in words)]


def attempt(bug: Bug, tree: Path, with_cluster: bool) -> Outcome:
    """Run the related tests of a bug on a copy of the tree, which is as before afterwards."""
    path = tree / PACKAGE / bug.file
    original, times = path.read_text(encoding="utf-8"), path.stat()
    start = time.monotonic()
    try:
        path.write_text(original.replace(bug.text, bug.becomes), encoding="utf-8")
        os.utime(
            path, (times.st_atime, times.st_mtime + BUGS.index(bug) + 1)
        )  # bytecode of another bug is not taken
        code, said = tested(bug.test_files, tree, with_cluster or bug.needs_cluster)
    finally:
        path.write_text(original, encoding="utf-8")
        os.utime(path, (times.st_atime, times.st_mtime))
    seconds = time.monotonic() - start
    fate: Fate = "survived" if code == 0 else "not run" if code == NONE_RAN else "killed"
    return Outcome(bug, fate, _first_failure(said) if fate == "killed" else "", seconds)


def failures_without_a_bug(bugs: Sequence[Bug], tree: Path, with_cluster: bool) -> Iterator[str]:
    """The related test files that fail on a copy as it is, with the first test that does; each is run once."""
    needing = {file for bug in bugs if bug.needs_cluster for file in bug.test_files}
    for file in dict.fromkeys(file for bug in bugs for file in bug.test_files):
        code, said = tested([file], tree, with_cluster or file in needing)
        if code not in (0, NONE_RAN):
            yield f"tests/{file} fails without a bug: {_first_failure(said)}"


def tested(files: Sequence[str], tree: Path, with_cluster: bool) -> tuple[int, str]:
    """Run test files on a copy of the tree up to the first failure: pytest's exit code, and what it said."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "--hypothesis-profile=mutants",
    ]
    command += [] if with_cluster else ["-m", "not cluster"]
    command += [f"tests/{file}" for file in files]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONPYCACHEPREFIX": str(tree / "pyc")}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return 1, "FAILED no end within the time limit"
    return done.returncode, done.stdout


def _first_failure(said: str) -> str:
    failures = (line for line in said.splitlines() if line.startswith(("FAILED ", "ERROR ")))
    return next(failures, "it cannot be imported").partition(" - ")[0]


@contextmanager
def copies(number: int) -> Iterator[list[Path]]:
    """So many copies of the tree, one for each job."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        places = [Path(folder, str(index)) for index in range(number)]
        yield [Path(shutil.copytree(ROOT, place, ignore=NOT_COPIED, symlinks=True)) for place in places]


def attempts(bugs: Sequence[Bug], trees: Sequence[Path], with_cluster: bool) -> Iterator[Outcome]:
    """The outcomes, in the order of the list; as many run at once as there are copies of the tree."""
    free: queue.Queue[Path] = queue.Queue()
    for tree in trees:
        free.put(tree)

    def run(bug: Bug) -> Outcome:
        tree = free.get()
        try:
            return attempt(bug, tree, with_cluster)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        yield from pool.map(run, bugs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bugs and print each outcome; then those that survived."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="only bugs whose file or name has one of these")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cluster", action="store_true", help="also tests that need a real API server")
    asked = parser.parse_args(arguments)
    bugs = chosen(BUGS, asked.words)
    wrong = [*problems(bugs), *([] if bugs else [f"no bug is called {' or '.join(asked.words)}"])]
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 2
    with copies(asked.jobs) as trees:
        broken = list(failures_without_a_bug(bugs, trees[0], asked.cluster))
        if broken:
            print("\n".join(broken), file=sys.stderr)
            return 2
        outcomes = []
        for outcome in attempts(bugs, trees, asked.cluster):
            outcomes.append(outcome)
            words = f"{outcome.fate:8} {outcome.seconds:4.0f} s  {outcome.bug.file}: {outcome.bug.name}"
            print(f"{words}  {outcome.found_by}".rstrip(), flush=True)
    return report(outcomes)


def report(outcomes: Sequence[Outcome]) -> int:
    """Print what survived, with the reason where the list has one; the exit code."""
    alive = [one for one in outcomes if one.fate != "killed"]
    print(f"\n{len(outcomes)} bugs, {len(outcomes) - len(alive)} found")
    for one in alive:
        print(f"{one.fate}: {one.bug.file}: {one.bug.name}: {one.bug.reason or 'WITHOUT A REASON'}")
    return int(any(not one.bug.reason for one in alive))


if __name__ == "__main__":
    sys.exit(main())
