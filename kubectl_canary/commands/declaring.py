"""The flags of the verbs that write a step of a release into files, and into Git."""

from __future__ import annotations

from kubectl_canary.commands.flags import flags_of
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class DeclareFlags:
    """Where a step is rendered, and what becomes of it in Git."""

    output: str | None
    commits: bool
    branch: str | None
    pushes: bool
    request: str | None

    @property
    def is_committed(self) -> bool:
        """Whether a commit is made: a branch, a push and a pull request are of one."""
        return bool(self.commits or self.branch or self.pushes or self.request)


declare_flags = flags_of(
    DeclareFlags,
    option(
        "-o",
        "--output",
        metavar="dir=OUT|in-place",
        help="Where the phase is rendered, instead of where it was rendered last.",
    ),
    option("--commit", "commits", is_flag=True, help="Commit what was written, and nothing else."),
    option("--branch", metavar="NAME", help="Make the commit on a new branch."),
    option("--push", "pushes", is_flag=True, help="Make the commit, and push it."),
    option(
        "--pull-request",
        "request",
        metavar="FILE",
        help="Make the commit, and write title and body of a pull request as Markdown; - is standard output.",
    ),
    as_="declare_flags",
)
now_flag = option(
    "--now",
    "at_once",
    is_flag=True,
    help="Do not wait until the phase before has lasted as long as it should.",
)
