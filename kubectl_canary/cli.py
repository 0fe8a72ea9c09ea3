"""The command group; the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from kubectl_canary import __version__
from kubectl_canary.errors import CanaryError, Refused
from kubectl_canary.findings import in_order, nearest
from kubectl_canary.outside.output import ClosedPipe, begin, has_written, say, write

if TYPE_CHECKING:
    from kubectl_canary.commands.common import Verb

VERBS = {
    "init": "Write a canary.yaml",
    "import": "Write the canary file and the manifests of a release that ingress-nginx leads",
    "plan": "Show the whole release as a table",
    "render": "Print the documents of a phase, or write those of all phases into a folder",
    "patch": "Print the difference between two phases as guarded patches, or as lines that wait where they must",
    "diff": "Show what a phase has otherwise than the cluster, as kubectl diff does",
    "apply": "Lead the release in the cluster to a phase, in safe order",
    "promote": "Lead the release in the cluster from 100 % to its end",
    "run": "Lead the release in the cluster to its end, phase by phase, as its gates allow",
    "rollback": "Lead the release in the cluster back, or print the way back",
    "queries": "Print what the gates ask Prometheus, also as recording rules and alerts",
    "verify": "Send requests, and say whether they are split as a phase says",
    "check": "Measure the gates of a phase once, with an exit code",
    "start": "Write a new release into the canary file: its version, and the first phase",
    "advance": "Write the next phase into the canary file, or the end of the release",
    "abort": "Write the next step back into the canary file",
    "undo": "Write the release of the version before into the canary file",
    "gitops": "Print what Argo CD or Flux needs to bring the release from Git into the cluster",
    "next": "Lead the release in the cluster one phase on",
    "previous": "Lead the release in the cluster one phase back",
    "status": "Say which phase the cluster is in, and what is not settled",
    "doctor": "Say what stands in the way of the release in the cluster, and what to do",
    "rbac": "Print the Role that leading the release takes",
    "simulate": "Say which rule a request meets in a phase, why, and who answers it",
    "validate": "Say what the API server would say to manifests, and what it would not",
    "krm": "Run as a KRM function of kustomize or kpt",
    "post-render": "Run as a post-renderer of Helm",
    "version": "Print the version, and the releases that documents are checked against",
    "completion": "Print a shell's completion script",
}
OTHERWISE = {
    "run": "running",
    "import": "importing",
}  # modules: run/ is what verbs do, and import is Python's word
BUG, INTERRUPTED, CLOSED_PIPE = 3, 130, 141
REPORT_TO = "https://github.com/kubectl-canary/kubectl-canary/issues"

HELP = """Canary releases on the Kubernetes Gateway API without a controller: every phase is a file.

Find more information at: https://github.com/kubectl-canary/kubectl-canary"""


class Group(click.Group):
    """Verbs that are imported when they are used, not when they are listed; help in kubectl's manner."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a release meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, imported now."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(_module(cmd_name)).command
        command.short_help = VERBS[cmd_name]
        return command

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
        from kubectl_canary.commands.common import printed_by_us

        return printed_by_us(super().get_help_option(ctx))

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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    A process this short has nothing to tear down (14 ms of 109): what it printed is flushed where it was printed. One
    that runs long may have threads and children, and ends as Python does.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    code = run(words, program_name())
    verb = _verb(words)
    if verb is not None and verb.runs_long:
        sys.exit(code)
    os._exit(code)


def run(arguments: list[str], program: str) -> int:
    """One command line; answers with the exit code."""
    begin()
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    try:
        return group.main(arguments or ["--help"], prog_name=program, standalone_mode=False) or 0
    except ClosedPipe:
        return CLOSED_PIPE
    except CanaryError as error:
        say(_message(error, _printed(arguments)))
        say(f"\nSee '{_command(program, arguments)} --help'.")
        return error.exit_code
    except click.UsageError as error:
        say(f"error: {error.format_message()}")
        say(f"\nSee '{error.ctx.command_path if error.ctx else _command(program, arguments)} --help'.")
        return 2
    except (KeyboardInterrupt, click.Abort):
        say(f"interrupted{_printed(arguments)}")
        return INTERRUPTED
    except Exception:
        say(_bug_report(arguments))
        return BUG


def program_name() -> str:
    """What the user typed: kubectl runs us as `kubectl-canary`."""
    name = Path(sys.argv[0]).name
    if name == "__main__.py":
        return "python -m kubectl_canary"
    return "kubectl canary" if name.removesuffix(".exe") == "kubectl-canary" else name


def complete() -> None:
    """`kubectl_complete-canary`: kubectl's question for completions, answered in its protocol."""
    from kubectl_canary.commands.completion import answer

    os._exit(answer(group, sys.argv[1:]))


def _module(verb: str) -> str:
    return f"kubectl_canary.commands.{OTHERWISE.get(verb, verb.replace('-', '_'))}"


def _verb(arguments: list[str]) -> Verb | None:
    """The verb that ran; none where it was not reached: at another word, or while it was imported."""
    name = arguments[0] if arguments else ""
    command: Verb | None = getattr(sys.modules.get(_module(name)), "command", None) if name in VERBS else None
    return command


def _printed(arguments: list[str]) -> str:
    """What an error adds: a verb that prints at its end alone has printed nothing. Another knows what it has done."""
    verb = _verb(arguments)
    return ", nothing was printed" if verb is None or (verb.prints_once and not has_written()) else ""


def _message(error: CanaryError, printed: str) -> str:
    lines = [f"error: {error.message}"]
    if isinstance(error, Refused):
        lines = [
            f"{lines[0]}{printed}",
            "",
            *(str(finding) for finding in in_order(error.findings)),
        ]
    if error.hint:
        lines.append(error.hint)
    return "\n".join(lines)


def _command(program: str, arguments: list[str]) -> str:
    verb = arguments[0] if arguments and arguments[0] in VERBS else ""
    return f"{program} {verb}".strip()


def _bug_report(arguments: list[str]) -> str:
    import platform
    import traceback

    system = f"kubectl-canary {__version__}, Python {platform.python_version()}, {platform.platform()}"
    return "\n".join(
        [
            f"error: this is a bug in kubectl canary{_printed(arguments)}",
            "",
            f"Please report it with what follows: {REPORT_TO}",
            system,
            f"arguments: {' '.join(arguments)}",
            traceback.format_exc(),
        ]
    )
