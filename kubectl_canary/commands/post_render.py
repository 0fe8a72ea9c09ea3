"""`kubectl canary post-render`."""

from __future__ import annotations

from typing import Any

from kubectl_canary.commands import judging
from kubectl_canary.commands.common import verb
from kubectl_canary.errors import Refused
from kubectl_canary.outside.output import say, write


@verb(
    "post-render",
    "Run as a post-renderer of Helm: manifests on standard input, manifests on standard output.\n\n"
    "A canary file among them (a chart's template, with its values) is replaced by the documents of the phase that it\n"
    "declares; everything else stays as it is, to the byte. All of it is validated, and nothing is printed where the\n"
    "API server would refuse a document. Without the post-renderer, the API server refuses the canary file itself.",
    """
  # Helm 4, with the plugin of contrib/helm
  helm upgrade --install shop ./chart --post-renderer canary

  # Helm 3
  helm upgrade --install shop ./chart --post-renderer kubectl-canary --post-renderer-args post-render

  # By hand
  helm template ./chart | kubectl canary post-render
""",
)
@judging.flags
def command(**asked: Any) -> int:
    """Answer Helm."""
    from kubectl_canary.integrations import helm
    from kubectl_canary.outside import files
    from kubectl_canary.reports import listings

    judge = judging.judge_of(judging.JudgeFlags(**asked))
    parts = helm.expanded(files.read_text("-", files.MAX_MANIFESTS)[1], judge.question)
    report = judge.report([manifest for part in parts for manifest in part.manifests])
    if judge.fails(report):
        findings = [finding for _, finding in report.findings()]
        raise Refused("the API server would refuse what Helm rendered", findings)
    write("".join(part.text for part in parts))
    if next(report.findings(), None):
        say(listings.text(report).rstrip())
    return 0
