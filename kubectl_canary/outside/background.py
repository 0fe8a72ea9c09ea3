"""Work that goes on while something else is done."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Background(Generic[Key, Answer]):
    """Functions that run beside each other, each under a key; nobody waits for those that have not ended."""

    def __init__(self) -> None:
        self._ended: queue.SimpleQueue[tuple[Key, Callable[[], Answer]]] = queue.SimpleQueue()

    def start(self, key: Key, function: Callable[[], Answer]) -> None:
        """Begin to run a function."""
        threading.Thread(target=self._run, args=(key, function), daemon=True).start()

    def ended(self) -> list[tuple[Key, Answer]]:
        """What has ended since this was asked last. Raises what a function has raised."""
        found = []
        while not self._ended.empty():
            key, answer = self._ended.get()
            found.append((key, answer()))
        return found

    def _run(self, key: Key, function: Callable[[], Answer]) -> None:
        try:
            answer = function()
        except BaseException as error:  # whoever asks is told, in his own thread
            self._ended.put((key, _raising(error)))
        else:
            self._ended.put((key, lambda: answer))


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def answer() -> NoReturn:
        raise error

    return answer
