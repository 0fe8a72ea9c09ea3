"""What verbs are: commands with kubectl's help layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Function = Callable[..., Any]


class Verb(click.Command):
    """A command whose help is laid out as kubectl's: what it does, examples, options, usage."""

    def __init__(self, *arguments: Any, examples: str = "", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples = examples

    def get_help(self, ctx: click.Context) -> str:
        """Kubectl's layout."""
        # a program called `python -m kubectl_canary` shows examples as it is called
        examples = self.examples.strip("\n").replace("kubectl canary", ctx.find_root().command_path)
        parts = [(self.help or "").strip(), f"Examples:\n{examples}", f"Options:\n{self._options(ctx)}"]
        return "\n\n".join([*parts, f"Usage:\n  {ctx.command_path} {self._arguments()}[options]"])

    def _options(self, ctx: click.Context) -> str:
        records = filter(None, (option.get_help_record(ctx) for option in self.get_params(ctx)))
        return "\n".join(f"    {flags}:\n        {text}" for flags, text in records)

    def _arguments(self) -> str:
        return "".join(
            f"{parameter.make_metavar(click.Context(self))} "
            for parameter in self.params
            if isinstance(parameter, click.Argument)
        )


def verb(name: str, description: str, examples: str) -> Callable[[Function], Verb]:
    """Make a function a verb."""

    def decorate(function: Function) -> Verb:
        return click.command(name, cls=Verb, help=description, examples=examples)(function)

    return decorate
