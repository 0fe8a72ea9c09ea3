"""`kubectl canary post-render`."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import cluster_flags
from kubectl_canary.commands.judging import JudgeFlags, judge_flags


@verb(
    "post-render",
    "Run as a post-renderer of Helm: manifests on standard input, manifests on standard output.\n\n"
    "A canary file among them (a chart's template, with its values) is replaced by the documents of the phase that it\n"
    'declares; everything else stays as it is, to the byte. One with `spec.adopt.from: "-"` adopts what the chart\n'
    "renders: what its phase changes is replaced in its place. All of it is validated, and nothing is printed where\n"
    "the API server would refuse a document. Without the post-renderer, the API server refuses the canary file itself.",
    """
  # Helm 4, with the plugin of contrib/helm
  helm upgrade --install shop ./chart --post-renderer canary

  # Helm 3
  helm upgrade --install shop ./chart --post-renderer kubectl-canary --post-renderer-args post-render

  # By hand
  helm template ./chart | kubectl canary post-render
""",
)
@judge_flags
@cluster_flags
def command(judge_flags: JudgeFlags, cluster_flags: ClusterFlags) -> int:
    """Answer Helm."""
    from kubectl_canary.commands.run import post_render

    return post_render.run(judge_flags, cluster_flags)
