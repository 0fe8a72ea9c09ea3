"""What `kubectl canary post-render` does."""

from __future__ import annotations

from kubectl_canary.commands import inputs
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.judging import JudgeFlags
from kubectl_canary.commands.run.judging import judge_of
from kubectl_canary.errors import Refused
from kubectl_canary.integrations import helm
from kubectl_canary.outside import files
from kubectl_canary.outside.output import say, write
from kubectl_canary.reports import listings


def run(judge_flags: JudgeFlags, cluster_flags: ClusterFlags) -> int:
    """Answer Helm. Raises Refused with what the API server would say."""
    judge = judge_of(judge_flags, cluster_flags)
    text = files.read_text("-", files.MAX_MANIFESTS)[1]
    parts = helm.expanded(text, judge.question, inputs.stable_set)
    report = judge.report([manifest for part in parts for manifest in part.manifests])
    if judge.fails(report):
        findings = [finding for _, finding in report.findings()]
        raise Refused("what Helm rendered is not valid", findings)
    write("".join(part.text for part in parts))
    if next(report.findings(), None):
        say(listings.text(report).rstrip())
    return 0
