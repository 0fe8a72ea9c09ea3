"""What a run is about to write, noted in a file, so that the next one knows what a run that was killed has left."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
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

    def begin(self, noted: Mapping[str, Any]) -> None:
        """Say what is about to be written. Raises WorldError where that cannot be noted."""
        exchange.write_whole(str(self.file), json.dumps(noted))

    def left(self) -> dict[str, Any]:
        """What was about to be written by a run that did not end; nothing where all have ended.

        What cannot be read was not written whole, and then nothing else was written yet.
        """
        try:
            noted: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted

    def end(self) -> None:
        """Say that nothing is under way any more."""
        self.file.unlink(missing_ok=True)
