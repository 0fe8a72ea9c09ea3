"""What verbs share: kubectl's help layout, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from kubectl_canary.outside.output import say, write

if TYPE_CHECKING:
    from kubectl_canary.reading.release import Release
    from kubectl_canary.release.plan import Phase

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
        records = [record for record in (one.get_help_record(ctx) for one in self.get_params(ctx)) if record]
        return "\n".join(f"    {flags}:\n        {text}" for flags, text in records)

    def _arguments(self) -> str:
        return "".join(
            f"{one.make_metavar(click.Context(self))} "
            for one in self.params
            if isinstance(one, click.Argument)
        )


def verb(name: str, description: str, examples: str) -> Callable[[Function], Verb]:
    """Make a function a verb."""

    def decorate(function: Function) -> Verb:
        return click.command(name, cls=Verb, help=description, examples=examples)(function)

    return decorate


def finish(text: str, release: Release) -> int:
    """Print what was asked for, then what the user should know about it; answers with the exit code."""
    write(text)
    for warning in release.warnings:
        say(str(warning))
    return 0


def say_what_follows(release: Release, phase: Phase) -> None:
    """After promotion the file has to follow, or the next release brings the old version back."""
    from kubectl_canary.reading import promotion
    from kubectl_canary.release.plan import PhaseKind

    if phase.kind is PhaseKind.PROMOTED:
        say(promotion.advice(release.spec, release.file))
