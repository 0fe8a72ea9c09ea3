"""`kubectl canary krm`."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from kubectl_canary.commands import judging
from kubectl_canary.commands.common import verb
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import nearest
from kubectl_canary.outside.output import say, write

VERBS = ("validate", "render")


@verb(
    "krm",
    "Run as a KRM function of kustomize or kpt: a ResourceList on standard input, one on standard output.\n\n"
    "With a canary file as functionConfig, the documents of its phase are added to the items. With a ConfigMap,\n"
    "`data.verb` says what to do: `validate` (default) judges all items, `render` puts the documents of its phase in\n"
    "the place of every canary file among them. The other keys of `data` are the options below, without dashes.\n"
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
@judging.flags
@click.pass_context
def command(ctx: click.Context, /, **asked: Any) -> int:
    """Answer a call."""
    from kubectl_canary.integrations import krm
    from kubectl_canary.outside import files

    call = krm.read(files.read_text("-", files.MAX_MANIFESTS)[1])
    wanted = "render" if call.generates else _wanted(call.options)
    judge = judging.judge_of(judging.JudgeFlags(**(asked | _flags(ctx, call.options))))
    came = [krm.Item(one) for one in call.items]
    items, results = krm.rendered(call, judge.question) if wanted == "render" else (came, [])
    fails = bool(results)
    if not fails:
        report = judge.report(krm.manifests(call, items))
        results = [krm.Result(finding, one) for one, finding in report.findings()]
        fails = judge.fails(report)
    write(krm.answer(call, came if fails else items, results))
    if results:
        say(krm.lines(results))
    return int(fails)


def _wanted(options: dict[str, str]) -> str:
    wanted = options.get("verb", VERBS[0])
    if wanted not in VERBS:
        raise UsageError(f"functionConfig: data.verb is `{wanted}`", f"it is one of {', '.join(VERBS)}")
    return wanted


def _flags(ctx: click.Context, options: dict[str, str]) -> dict[str, Any]:
    """The keys of `data` as the flags that they are named after; lists are separated by commas."""
    known = {option.opts[0].removeprefix("--"): option for option in ctx.command.params}
    words: list[str] = []
    for key, text in options.items():
        option = known.get(key)
        if key == "verb":
            continue
        if not isinstance(option, click.Option) or key == "help":
            close = nearest(key, [*known, "verb"])
            hint = f"did you mean `{close}`?" if close else f"known are verb, {', '.join(known)}"
            raise UsageError(f"functionConfig: data.{key}: no such key", hint)
        if option.is_flag:
            words += [f"--{key}"] if text == "true" else []
        else:
            words += [f"--{key}={part.strip()}" for part in (text.split(",") if option.multiple else [text])]
    given = ctx.command.make_context("krm", words)
    return {
        name: value
        for name, value in given.params.items()
        if given.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
