"""What verbs share: kubectl's help layout, and the flags that name a release."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from kubectl_canary.commands import candidates
from kubectl_canary.outside.output import say, write

if TYPE_CHECKING:
    from kubectl_canary.generator import Generator
    from kubectl_canary.release import Release

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


def release_flags(function: Function) -> Function:
    """The flags with which a release is read: -f, --set, --canary-tag, -n."""
    flags = (
        click.option(
            "-f",
            "--filename",
            "files",
            multiple=True,
            metavar="FILE",
            default=["canary.yaml"],
            show_default=False,
            shell_complete=candidates.files,
            help="The canary file (default canary.yaml), or - for standard input. Several are merged in order.",
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="PATH=VALUE",
            help="Set a value of the canary file, as in --set spec.stable.replicas=5. May be given several times.",
        ),
        click.option("--canary-tag", metavar="TAG", help="The tag to release, instead of the file's."),
        click.option(
            "-n",
            "--namespace",
            metavar="NAMESPACE",
            shell_complete=candidates.completer(candidates.namespaces),
            help="The namespace of all objects, instead of the file's.",
        ),
    )
    for flag in reversed(flags):
        function = flag(function)
    return function


def goal_flag(*names: str, **options: Any) -> Callable[[Function], Function]:
    """A flag that names a phase to go to; ways back are among them."""
    return click.option(
        *names, metavar="PHASE", shell_complete=candidates.completer(candidates.goals), **options
    )


def start_flag(*names: str, **options: Any) -> Callable[[Function], Function]:
    """A flag that names a phase to start from."""
    return click.option(
        *names, metavar="PHASE", shell_complete=candidates.completer(candidates.phases), **options
    )


templates_flag = click.option(
    "--templates",
    metavar="DIR",
    shell_complete=candidates.files,
    help="Templates that take the place of ours, file by file.",
)
no_validate_flag = click.option(
    "--no-validate",
    is_flag=True,
    help="Print also what the API server would refuse (said on standard error).",
)
shell_flag = click.option(
    "--shell",
    type=click.Choice(["sh", "powershell"]),
    default="sh",
    help="Quote lines for sh (default) or powershell.",
)


def generator_of(release: Release, templates: str | None, no_validate: bool) -> Generator:
    """What renders the release, for the Gateway API that its file names."""
    from kubectl_canary.generator import Generator

    if no_validate:
        say("warning: not validated (--no-validate): the API server may refuse what is printed")
    return Generator(templates, release.plan.canary.target, validating=not no_validate)


def load(
    files: tuple[str, ...], settings: tuple[str, ...], canary_tag: str | None, namespace: str | None
) -> Release:
    """Read a release."""
    from kubectl_canary import release

    return release.load(files, settings, canary_tag, namespace)


def finish(text: str, release: Release) -> int:
    """Print what was asked for, then what the user should know about it; answers with the exit code."""
    write(text)
    for warning in release.warnings:
        say(str(warning))
    return 0
