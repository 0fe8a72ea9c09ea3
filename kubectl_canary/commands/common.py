"""What verbs are: commands with kubectl's help layout."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import click

from kubectl_canary.outside.output import write

Function = Callable[..., Any]


class Verb(click.Command):
    """A command whose help is laid out as kubectl's: what it does, examples, options, usage."""

    examples = ""
    prints_once = True  # all that it has to say, at its end: where it fails, nothing was printed
    runs_long = False  # with a collector, and with what Python does at an end

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb, with the collector where it runs long: entry.py switches it off for those that do not."""
        if self.runs_long:
            gc.enable()
        return super().invoke(ctx)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """As click makes it, printed as everything is."""
        return printed_by_us(super().get_help_option(ctx))

    def get_help(self, ctx: click.Context) -> str:
        """Kubectl's layout."""
        # a program called `python -m kubectl_canary` shows examples as it is called
        examples = self.examples.strip("\n").replace("kubectl canary", ctx.find_root().command_path)
        parts = [(self.help or "").strip(), f"Examples:\n{examples}", f"Options:\n{self._options(ctx)}"]
        return "\n\n".join([*parts, f"Usage:\n  {ctx.command_path} {self._arguments()}[options]"])

    def _options(self, ctx: click.Context) -> str:
        return "\n".join(f"    {flags}:\n        {text}" for flags, text in records(self, ctx))

    def _arguments(self) -> str:
        arguments = [parameter for parameter in self.params if isinstance(parameter, click.Argument)]
        shown = filter(None, (argument.make_metavar(click.Context(self)) for argument in arguments))
        return "".join(f"{name} " for name in shown)


def records(command: click.Command, ctx: click.Context) -> list[tuple[str, str]]:
    """The options of a command, each with what it does; arguments are none."""
    options = [known for known in command.get_params(ctx) if isinstance(known, click.Option)]
    return [record for option in options if (record := option.get_help_record(ctx))]


def printed_by_us(option: click.Option | None) -> click.Option | None:
    """A help option whose output is checked as that of a verb is: click's own ends in a traceback on a full disk."""

    def show(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
        if is_given and not ctx.resilient_parsing:
            write(f"{ctx.get_help()}\n")
            ctx.exit()

    if option is not None:
        option.callback = show
    return option


def verb(
    name: str, description: str, examples: str, *, prints_once: bool = True, runs_long: bool = False
) -> Callable[[Function], Verb]:
    """Make a function a verb; one that acts, or runs long, says so."""

    def decorate(function: Function) -> Verb:
        command = click.command(name, cls=Verb, help=description)(function)
        command.examples, command.prints_once, command.runs_long = examples, prints_once, runs_long
        return command

    return decorate
