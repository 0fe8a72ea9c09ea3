"""What `kubectl canary render` does on standard output; folder.py writes a folder."""

from __future__ import annotations

from pathlib import PurePath

from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run.releases import finish, generator_of, load, phase_of, say_what_follows
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say
from kubectl_canary.reading.release import Release
from kubectl_canary.release.documents import Key
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.release.ways import objection
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned, removed
from kubectl_canary.reports.plans import as_list, as_yaml

RESET = (
    "warning: applied over Deployments that had `replicas`, this sets them to 1; `render --all -o dir=OUT`, over a "
    "folder that had them, prints the lines that hand them over first"
)


def run(release_flags: ReleaseFlags, flags: RenderFlags) -> int:
    """Render."""
    if flags.output == "in-place":
        from kubectl_canary.commands.run import in_place

        return in_place.write(release_flags, flags)
    folder = _folder(flags.output)
    if folder is None and flags.all_phases:
        raise UsageError(
            "--all needs -o dir=OUT", "in one stream, kubectl would apply all phases up to the last one"
        )
    if folder is not None and (flags.phase_name or flags.origin or flags.only or flags.only_removed):
        raise UsageError(
            "-o dir=OUT writes all phases and all objects", "leave --phase, --from, --only, --removed out"
        )
    release = load(release_flags)
    generator = generator_of(release, release_flags)
    if folder is not None:
        from kubectl_canary.commands.run.folder import write

        return write(release, generator, folder, flags)
    return _print(release, generator, flags)


def _print(release: Release, generator: Generator, flags: RenderFlags) -> int:
    phase = phase_of(release, flags.phase_name, flags.origin)
    wanted = planned(release.plan.application, phase)
    if flags.only_removed:
        wanted = removed(release.plan.application, _start(release.plan, phase, flags.origin), phase)
        if not wanted:
            say(f"`{phase.name}` removes nothing")
    kept = None if flags.everything or _comes_by_stream(release) else _changing(release.plan, phase)
    chosen = [
        item
        for item in wanted
        if (not flags.only or item.part.group in flags.only) and (kept is None or item.part.key in kept)
    ]
    if wanted and not chosen and flags.only:
        say(f"`{phase.name}` has nothing of {', '.join(flags.only)}")
    rendered = generator.render(chosen)
    if not flags.skip:
        _warn_of_jump(release, phase)
    application = release.plan.application
    is_reset = application.adopted is None and not application.prints_replicas
    if is_reset and any(item.part.kind == "Deployment" for item in chosen):
        say(RESET)
    code = finish(as_list(rendered) if flags.output == "json" else as_yaml(rendered), release)
    if not flags.only_removed:
        say_what_follows(release, phase)
    return code


def _changing(plan: Plan, phase: Phase) -> set[Key] | None:
    """The objects that a stream has; None where it is all of them."""
    if plan.application.adopted is None:
        return None
    from kubectl_canary.release import adoption

    return adoption.printed(plan, phase)


def _comes_by_stream(release: Release) -> bool:
    """Whether the manifests come by standard input, where another release may have changed what only this prints."""
    return "-" in (release.spec.get("adopt") or {}).values()


def _folder(output: str) -> PurePath | None:
    if output in ("yaml", "json"):
        return None
    kind, equals, folder = output.partition("=")
    if kind != "dir":
        raise UsageError(f"-o {output}: unknown format", "yaml, json, dir=OUT or in-place")
    if not equals or not folder:
        raise UsageError(f"-o {output}: into which folder?", "for example -o dir=rendered")
    return PurePath(folder)


def _start(plan: Plan, phase: Phase, origin: str | None) -> Phase | None:
    return plan.find(origin) if origin and not phase.is_way_back else plan.previous(phase)


def _warn_of_jump(release: Release, phase: Phase) -> None:
    """Say so where going from the declared phase straight to this one is not safe, or leaves phases out."""
    start, plan = release.current, release.plan
    if start is None or start == phase:
        return
    wrong = objection(plan, start, phase)
    if wrong is not None:
        say(f"warning: do not apply this straight from `{start.name}`: {wrong.message}")
