"""`kubectl canary krm`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import cluster_flags, overlaid
from kubectl_canary.commands.judging import JudgeFlags, judge_flags
from kubectl_canary.commands.parameters import Parameter
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
        values = _typed(data)
        return overlaid(judge_flags, values), overlaid(cluster_flags, values)

    return krm.run(flags_over)


def _typed(data: Mapping[str, str]) -> dict[str, Any]:
    """The values of `data` by the flags that they are named after; lists are separated by commas.

    Raises UsageError for a key that is none, and for a value that cannot be.
    """
    options = {known.names[0].removeprefix("--"): known for known in command.parameters}
    values: dict[str, Any] = {}
    for key, text in data.items():
        if key == "verb":
            continue
        if key not in options:
            close = nearest(key, [*options, "verb"])
            hint = f"did you mean `{close}`?" if close else f"known are verb, {', '.join(options)}"
            raise UsageError(f"functionConfig: data.{key}: no such key", hint)
        known = options[key]
        try:
            values |= _value(known, text)
        except ValueError as error:
            hint = f"one of {', '.join(known.choices or ('true', 'false'))}"
            raise UsageError(f"functionConfig: data.{key}: `{error}` cannot stand there", hint) from None
    return values


def _value(known: Parameter, text: str) -> dict[str, Any]:
    """What a key says of its field. Raises ValueError for a value that cannot be."""
    if known.is_flag:
        if text not in ("true", "false"):
            raise ValueError(text)
        return {known.field: True} if text == "true" else {}
    if known.multiple:
        return {known.field: tuple(known.value(part.strip()) for part in text.split(","))}
    return {known.field: known.value(text.strip())}
