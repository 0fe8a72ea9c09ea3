"""The verbs as click knows them: for help, for what is wrong with a command line, and for what may follow a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem, ShellComplete

from kubectl_canary import __version__
from kubectl_canary.commands.common import Verb
from kubectl_canary.commands.parameters import Parameter, candidates
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import nearest
from kubectl_canary.outside.output import write
from kubectl_canary.verbs import VERBS, verb_called

HELP = """Canary releases on the Kubernetes Gateway API without a controller: every phase is a file.

Find more information at: https://github.com/kubectl-canary/kubectl-canary"""


class Command(click.Command):
    """A verb with its help laid out as kubectl's: what it does, examples, options, usage."""

    def __init__(self, verb: Verb) -> None:
        self.verb = verb
        super().__init__(
            verb.name,
            params=[_parameter(known) for known in verb.parameters],
            help=verb.help,
            short_help=VERBS.get(verb.name),
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb with what was typed."""
        return self.verb.run(typed(ctx))

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """As click makes it, printed as everything is."""
        return _printed_by_us(super().get_help_option(ctx))

    def get_help(self, ctx: click.Context) -> str:
        """Kubectl's layout."""
        # a program called `python -m kubectl_canary` shows examples as it is called
        examples = self.verb.examples.strip("\n").replace("kubectl canary", ctx.find_root().command_path)
        parts = [self.verb.help.strip(), f"Examples:\n{examples}", f"Options:\n{self._options(ctx)}"]
        return "\n\n".join([*parts, f"Usage:\n  {ctx.command_path} {self._arguments()}[options]"])

    def _options(self, ctx: click.Context) -> str:
        return "\n".join(f"    {flags}:\n        {text}" for flags, text in records(self, ctx))

    def _arguments(self) -> str:
        arguments = [parameter for parameter in self.params if isinstance(parameter, click.Argument)]
        shown = filter(None, (argument.make_metavar(click.Context(self)) for argument in arguments))
        return "".join(f"{name} " for name in shown)


class Group(click.Group):
    """Verbs that are imported when they are used, not when they are listed; help in kubectl's manner."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a release meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, imported now."""
        return Command(verb_called(cmd_name)) if cmd_name in VERBS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest verb for one that is not there."""
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            close = nearest(args[0], VERBS)
            meant = f"; did you mean `{close}`?" if close else ""
            raise click.UsageError(f"unknown command `{args[0]}` for `{ctx.command_path}`{meant}", ctx)
        return super().resolve_command(ctx, args)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """As click makes it, printed as everything is."""
        return _printed_by_us(super().get_help_option(ctx))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs that begin so, none of them imported, and the group's own options."""
        verbs = [
            CompletionItem(verb, help=text) for verb, text in VERBS.items() if verb.startswith(incomplete)
        ]
        return verbs or click.Command.shell_complete(self, ctx, incomplete)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Kubectl's layout: what it is, the commands, how to go on."""
        lines = [
            HELP,
            "",
            "Available Commands:",
            *(f"  {name:<14}{summary}" for name, summary in VERBS.items()),
        ]
        lines += ["", "Usage:", f"  {ctx.command_path} COMMAND [flags]", ""]
        lines += [f'Use "{ctx.command_path} COMMAND --help" for more information about a command.']
        formatter.write("\n".join(lines) + "\n")


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        write(f"kubectl-canary v{__version__}\n")
        ctx.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version)
def group() -> None:
    """Canary releases on the Kubernetes Gateway API without a controller."""


def answer(arguments: Sequence[str], program: str) -> int:
    """Run a command line, help for one without a verb. Raises UsageError for what is wrong with it."""
    try:
        return group.main(list(arguments) or ["--help"], prog_name=program, standalone_mode=False) or 0
    except click.UsageError as error:
        raise UsageError(error.format_message()) from None
    except click.Abort:
        raise KeyboardInterrupt from None


def typed(context: click.Context) -> dict[str, Any]:
    """The values that a command line gives."""
    return {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        and value != ()  # click 8.2 says so of arguments of which there are none
    }


def following(words: Sequence[str], incomplete: str) -> tuple[list[tuple[str, str]], bool]:
    """What may follow words, each with a text, and whether files may."""
    items = _following(words, incomplete)
    values = [(str(item.value), item.help or "") for item in items if item.type == "plain"]
    return values, any(item.type == "file" for item in items)


def _following(words: Sequence[str], incomplete: str) -> list[CompletionItem]:
    """Nothing follows an unknown verb, which is said when it is run, not while it is typed."""
    try:
        return ShellComplete(group, {}, "kubectl-canary", "").get_completions(list(words), incomplete)
    except click.UsageError:
        return []


def records(command: click.Command, ctx: click.Context) -> list[tuple[str, str]]:
    """The options of a command, each with what it does; arguments are none."""
    options = [known for known in command.get_params(ctx) if isinstance(known, click.Option)]
    return [record for option in options if (record := option.get_help_record(ctx))]


# --- parameters ---------------------------------------------------------------


def _parameter(known: Parameter) -> click.Parameter:
    """A parameter as click has it."""
    shared: dict[str, Any] = {"required": known.required, "metavar": known.metavar, "type": _type(known)}
    if completer := _completer(known):
        shared["shell_complete"] = completer
    if not known.names:
        return click.Argument([known.field], nargs=-1 if known.multiple else 1, **shared)
    if known.default is not None:
        shared["default"] = known.default
    if known.alone is not None:
        shared["flag_value"] = known.alone
    return click.Option(
        [*known.names, known.field],
        help=known.help,
        show_default=known.show_default,
        is_flag=True if known.is_flag else False if known.alone else None,  # False: its value may be left out
        multiple=known.multiple,
        **shared,
    )


def _type(known: Parameter) -> click.ParamType[Any] | None:
    if known.choices:
        return click.Choice(known.choices)
    if known.least is not None:
        return click.IntRange(known.least, known.most)
    return None


def _completer(
    known: Parameter,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]] | None:
    """What click asks while the user types; nothing where it cannot be had."""

    def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]

    def values(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(value, help=text) for value, text in candidates(known, ctx.params, incomplete)]

    if known.takes_files:
        return files
    return values if known.candidates else None


def _printed_by_us(option: click.Option | None) -> click.Option | None:
    """A help option whose output is checked as that of a verb is: click's own ends in a traceback on a full disk."""

    def show(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
        if is_given and not ctx.resilient_parsing:
            write(f"{ctx.get_help()}\n")
            ctx.exit()

    if option is not None:
        option.callback = show
    return option
