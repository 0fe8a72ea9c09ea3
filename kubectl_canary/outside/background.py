"""Work that goes on while something else is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Later(Generic[Answer]):
    """A function that has begun; nobody waits for it who does not ask for its answer."""

    def __init__(self, function: Callable[[], Answer]) -> None:
        self._function = function
        self._outcome: list[Callable[[], Answer]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        """Whether its answer is there."""
        return not self._thread.is_alive()

    def answer(self) -> Answer:
        """What it answers, once it does. Raises what it has raised."""
        self._thread.join()
        return self._outcome[0]()

    def _run(self) -> None:
        try:
            answer = self._function()
        except BaseException as error:  # whoever asks is told, in his own thread
            self._outcome.append(_raising(error))
        else:
            self._outcome.append(lambda: answer)


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def answer() -> NoReturn:
        raise error

    return answer


class Background(Generic[Key, Answer]):
    """Functions that run beside each other, each under a key; nobody waits for those that have not ended."""

    def __init__(self) -> None:
        self._begun: list[tuple[Key, Later[Answer]]] = []

    def start(self, key: Key, function: Callable[[], Answer]) -> None:
        """Begin to run a function."""
        self._begun.append((key, Later(function)))

    def ended(self) -> list[tuple[Key, Answer]]:
        """What has ended since this was asked last. Raises what a function has raised."""
        ended = [known for known in self._begun if known[1].has_ended]
        answers = []
        for key, later in ended:
            self._begun.remove((key, later))
            answers.append((key, later.answer()))
        return answers
