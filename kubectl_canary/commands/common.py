"""What a verb is: a function, what it takes, and what is said of it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

from kubectl_canary.commands.parameters import Function, Parameter
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class Verb:
    """A command of ours.

    One that `prints_once` has all that it has to say at its end: where it fails, nothing was printed. One that
    `runs_long` runs with a collector, and with what Python does at an end. One that `asks_what_was_typed` is given the
    fields that are, as `typed`.
    """

    name: str
    help: str
    examples: str
    function: Function
    parameters: tuple[Parameter, ...]
    prints_once: bool = True
    runs_long: bool = False
    asks_what_was_typed: bool = False

    def run(self, typed: dict[str, Any]) -> int:
        """Run the verb with the values that a command line gives; answers with the exit code."""
        if self.runs_long:
            gc.enable()  # entry.py switches it off for those that do not
        values = {known.field: known.otherwise for known in self.parameters} | typed
        if self.asks_what_was_typed:
            values["typed"] = frozenset(typed)
        return self.function(**values) or 0


def verb(name: str, description: str, examples: str, **properties: bool) -> Callable[[Function], Verb]:
    """Make a function a verb; one that acts, or runs long, says so."""

    def decorate(function: Function) -> Verb:
        parameters: Sequence[Parameter] = function.__dict__.get("parameters", ())
        return Verb(name, description, examples, function, tuple(parameters), **properties)

    return decorate
