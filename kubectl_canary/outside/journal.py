"""What a run is about to write, noted in a file, so that the next one knows what a run that was killed has left."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kubectl_canary.outside import exchange


class Journal:
    """The file of one working tree."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes in this working tree meanwhile. Raises UsageError where somebody does."""
        with exchange.alone(f"{self.file}.lock", "another run writes a step in this working tree"):
            yield

    def begin(self, noted: Mapping[str, str]) -> None:
        """Say what is known before anything is written. Raises WorldError where that cannot be noted."""
        exchange.write_whole(str(self.file), f"{json.dumps(noted)}\n")

    def add(self, files: Mapping[str, Sequence[str]]) -> None:
        """Say which files are about to be written: what they were, and what they become, as digests.

        Raises WorldError where that cannot be noted.
        """
        exchange.append(str(self.file), f"{json.dumps(files)}\n")

    def left(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        """What was noted, and said of files, by a run that did not end; nothing where all have ended.

        A line that cannot be read was not written whole, and then its files were not written yet.
        """
        lines: list[dict[str, Any]] = []
        with contextlib.suppress(OSError, ValueError):
            for line in self.file.read_text(encoding="utf-8").splitlines():
                lines.append(json.loads(line))
        files = {name: digests for line in lines[1:] for name, digests in line.items()}
        return (lines[0] if lines else {}), files

    def end(self) -> None:
        """Say that nothing is under way any more."""
        self.file.unlink(missing_ok=True)
