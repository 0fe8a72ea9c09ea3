"""What `kubectl canary queries` does."""

from __future__ import annotations

from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.queries import QueriesFlags
from kubectl_canary.commands.run.releases import finish, load
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say
from kubectl_canary.reports import queries

DEFAULT = "default"


def run(release_flags: ReleaseFlags, flags: QueriesFlags) -> int:
    """Print the queries. Raises UsageError where no gate asks Prometheus."""
    release = load(release_flags)
    asked = queries.asked(release.plan)
    if not asked:
        raise UsageError("no gate of this release asks Prometheus", "write `gates` below `spec`")
    namespace = release.plan.application.namespace
    if namespace is None:
        say(f"the file names no namespace, and the queries are about `{DEFAULT}`; -n names another")
    write = queries.as_rules if flags.output == "rules" else queries.as_text
    return finish(write(release.plan.application, asked, namespace or DEFAULT), release)
