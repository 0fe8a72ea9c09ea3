"""Where a command line is answered; the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from kubectl_canary import __version__
from kubectl_canary.commands.common import Verb
from kubectl_canary.commands.parameters import typed
from kubectl_canary.commands.program import call_as
from kubectl_canary.errors import CanaryError, Refused, WorldError
from kubectl_canary.findings import in_order
from kubectl_canary.outside.output import ClosedPipe, begin, has_written, say
from kubectl_canary.verbs import VERBS, known_verb, verb_called

COMPLETING = ["completion", "answer", "--"]  # what the scripts of `completion` ask
BUG, INTERRUPTED, CLOSED_PIPE = 3, 130, 141
GO_ELSEWHERE = "`cd` goes to one that is"
REPORT_TO = "https://github.com/kubectl-canary/kubectl-canary/issues"


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
    call_as(program)
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    try:
        return _answered(arguments, program)
    except ClosedPipe:
        return CLOSED_PIPE
    except CanaryError as error:
        say(_message(error, _printed(arguments)))
        say(f"\nSee '{_command(program, arguments)} --help'.")
        return error.exit_code
    except KeyboardInterrupt:
        say(f"interrupted{_printed(arguments)}")
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and _is_nowhere():
            say(f"error: the working directory is not there any more{_printed(arguments)}\n{GO_ELSEWHERE}")
            return WorldError.exit_code
        say(_bug_report(arguments))
        return BUG


def _is_nowhere() -> bool:
    """Whether the working directory was taken away."""
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def _answered(arguments: list[str], program: str) -> int:
    """The exit code of the verb where the line is plainly right; click looks at every other."""
    if arguments[:3] == COMPLETING:
        return completed(arguments[3:])
    if arguments and arguments[0] in VERBS:
        verb = verb_called(arguments[0])
        values = typed(verb.parameters, arguments[1:])
        if values is not None:
            return verb.run(values)
    from kubectl_canary import click_group

    return click_group.answer(arguments, program)


def program_name() -> str:
    """What the user typed: kubectl runs us as `kubectl-canary`."""
    name = os.path.basename(sys.argv[0])
    if name == "__main__.py":
        return "python -m kubectl_canary"
    return "kubectl canary" if name.removesuffix(".exe") == "kubectl-canary" else name


def complete() -> None:
    """`kubectl_complete-canary`: kubectl's question for completions, answered in its protocol."""
    os._exit(completed(sys.argv[1:]))


def completed(words: Sequence[str]) -> int:
    """Print what may follow words."""
    from kubectl_canary.completing import complete

    return complete(words)


def _verb(arguments: list[str]) -> Verb | None:
    return known_verb(arguments[0]) if arguments else None


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
