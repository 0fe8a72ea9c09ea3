"""`kubectl canary krm`."""

from __future__ import annotations

from collections.abc import Mapping

import click

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import cluster_flags, overlaid
from kubectl_canary.commands.judging import JudgeFlags, judge_flags
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import nearest


@verb(
    "krm",
    "Run as a KRM function of kustomize or kpt: a ResourceList on standard input, one on standard output.\n\n"
    "With a canary file as functionConfig, the documents of its phase are added to the items. With a ConfigMap,\n"
    "`data.verb` says what to do: `validate` (default) judges all items, `render` puts the documents of its phase in\n"
    'the place of every canary file among them; one with `spec.adopt.from: "-"` adopts the items. The other keys of\n'
    "`data` are the options below, without dashes.\n"
    "Findings become `results`; comments, and annotations of tools, stay.",
    """
  # As an exec function: kustomize build --enable-alpha-plugins --enable-exec .
  #   metadata: {annotations: {config.kubernetes.io/function: "exec: {path: kubectl-canary, args: [krm]}"}}

  # As kpt calls it
  kpt fn eval --exec "kubectl-canary krm" -- verb=validate gateway-api=v1.4

  # By hand
  kubectl canary krm < resource-list.yaml
""",
)
@judge_flags
@cluster_flags
def command(judge_flags: JudgeFlags, cluster_flags: ClusterFlags) -> int:
    """Answer a call."""
    from kubectl_canary.commands.run import krm

    def flags_over(data: Mapping[str, str]) -> tuple[JudgeFlags, ClusterFlags]:
        context = _context(click.get_current_context().command, data)
        return overlaid(judge_flags, context), overlaid(cluster_flags, context)

    return krm.run(flags_over)


def _context(command: click.Command, data: Mapping[str, str]) -> click.Context:
    """The keys of `data` as the flags that they are named after; lists are separated by commas.

    Raises UsageError for a key that is none, click's errors for values that cannot be.
    """
    options = {option.opts[0].removeprefix("--"): option for option in command.params}
    words: list[str] = []
    for key, text in data.items():
        option = options.get(key)
        if key == "verb":
            continue
        if not isinstance(option, click.Option) or key == "help":
            close = nearest(key, [*options, "verb"])
            hint = f"did you mean `{close}`?" if close else f"known are verb, {', '.join(options)}"
            raise UsageError(f"functionConfig: data.{key}: no such key", hint)
        if option.is_flag:
            words += [f"--{key}"] if text == "true" else []
        else:
            words += [f"--{key}={part.strip()}" for part in (text.split(",") if option.multiple else [text])]
    return command.make_context("krm", words)
