"""The user's `phases`: the middle of a release, from deploy to 100 %."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding, Path, nearest
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Receiver
from kubectl_canary.release.gates import Gate

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # TRACE is safe too, and no application wants it copied
MIRROR = regex(r"mirror\s+(.+)\Z")
NAME = regex(r"[A-Za-z0-9][A-Za-z0-9.% _-]*\Z")
FIXED = ("before", "deploy", "promote-roll", "promote-return", "promoted", "rolled-back")
RESERVED = regex(rf"(?:{'|'.join(FIXED)}|rollback\b.*|rollback-promotion\b.*)\Z")


@dataclass(frozen=True)
class PhaseSpec:
    """One of the user's phases. Shares are Fractions of 1, the pause is in seconds; no methods means all.

    `to` gets the copies; None where that is the canary.
    """

    name: str
    weight: Fraction = Fraction(0)
    mirror: Fraction = Fraction(0)
    to: Receiver | None = None
    methods: tuple[str, ...] = SAFE_METHODS
    replicas: int | None = None
    pause: int = 0
    gates: tuple[Gate, ...] = ()

    @property
    def is_for_testers(self) -> bool:
        """Whether testers alone get to the canary."""
        return not self.weight and not self.mirror

    @property
    def reaches_canary(self) -> bool:
        """Whether it sends any request to the canary."""
        return self.to is None


FULL = PhaseSpec("100%", Fraction(1))
SEED_PHASES = (
    PhaseSpec("header-only", pause=300),
    PhaseSpec("5%", Fraction(5, 100), pause=600),
    PhaseSpec("25%", Fraction(25, 100), pause=900),
    PhaseSpec("50%", Fraction(50, 100), pause=1800),
    PhaseSpec("100%", Fraction(1), pause=1800),
)


def default(has_testers: bool) -> tuple[PhaseSpec, ...]:
    """The phases of a file that names none."""
    return SEED_PHASES if has_testers else SEED_PHASES[1:]


def percent(share: Fraction) -> str:
    """A share as users write it: `5%`, `0.01%`."""
    return f"{float(share * 100):.2f}".rstrip("0").rstrip(".") + "%"


def slug(name: str) -> str:
    """A phase's name as a folder: safe in shells and URLs."""
    return name.lower().replace("%", "-percent").replace(" ", "-").replace(":", "-")


def canonical(name: str) -> str:
    """A phase's name as we print it: `5.0 %` is `5%`."""
    try:
        phase = _named(name.strip())
    except ValueError:
        return name.strip()
    return phase.name


def parse(items: list[Any], has_testers: bool) -> tuple[list[PhaseSpec], list[Finding]]:
    """The phases of `spec.phases`, with `100%` at the end, and everything that is wrong with them.

    What is not of the schema's types is passed over: the schema has said so already.
    """
    phases: list[PhaseSpec] = []
    findings: list[Finding] = []
    for index, item in enumerate(items):
        path: Path = ("spec", "phases", index)
        try:
            phase = _phase(item)
        except ValueError as error:
            findings.append(Finding("phases", "error", path, str(error)))
            continue
        except TypeError:
            continue
        findings += [
            Finding("phases", "error", path, message) for message in _misplaced(phase, phases, has_testers)
        ]
        phases.append(phase)
    if phases and phases[-1].weight != 1:
        phases.append(FULL)
    return phases, findings


def _phase(item: Any) -> PhaseSpec:
    """Raises ValueError for what no phase can be, TypeError for what is not of the schema's types."""
    if isinstance(item, str):
        return _named(item.strip())
    if not isinstance(item, dict) or not all(
        isinstance(item.get(key, ""), str) for key in ("name", "weight")
    ):
        raise TypeError
    if "weight" in item and "mirror" in item:
        raise ValueError("`weight` and `mirror` in one phase; in a mirror phase stable answers everything")
    phase = _acting(item)
    if "methods" in item and not phase.mirror:
        raise ValueError("`methods` says what is mirrored, and this phase mirrors nothing")
    return PhaseSpec(
        name=_own_name(item["name"], phase) if "name" in item else phase.name,
        weight=phase.weight,
        mirror=phase.mirror,
        to=phase.to,
        methods=_methods(item),
        replicas=item.get("replicas"),
        pause=_seconds(item),
    )


def _acting(item: dict[str, Any]) -> PhaseSpec:
    if "weight" in item:
        return _weighted(item["weight"])
    if "mirror" in item:
        return _mirroring(*_copied(item["mirror"]))
    if "name" not in item:
        raise ValueError("neither `name`, `weight` nor `mirror`: what should this phase do?")
    return _named(item["name"].strip())


def _named(text: str) -> PhaseSpec:
    if text == "header-only":
        return PhaseSpec(text)
    if match := MIRROR.match(text):
        share, _, to = match.group(1).partition(" to ")
        return _mirroring(share.strip(), to.strip())
    if RESERVED.match(text):
        raise ValueError(f"`{text}` is always there; leave it out")
    if not text[:1].isdigit():
        known = ("header-only", "mirror 20%", "5%")
        close = nearest(text, known)
        meant = f"did you mean `{close}`?" if close else "write `mirror 20%`, `header-only` or `5%`"
        raise ValueError(f"unknown phase `{text}`; {meant}")
    return _weighted(text)


def _weighted(text: str) -> PhaseSpec:
    formats.percentage(text)
    share = formats.share(text)
    return PhaseSpec(percent(share), weight=share)


def _copied(mirror: Any) -> tuple[str, str]:
    """The share that a phase mirrors, and to whom; empty for the canary. Raises TypeError for other types."""
    is_map = isinstance(mirror, dict)
    share, to = (mirror.get("share", "100%"), mirror.get("to")) if is_map else (mirror, "")
    if not (isinstance(share, str) and isinstance(to, str)):
        raise TypeError
    return share, to


def _mirroring(text: str, to: str = "") -> PhaseSpec:
    formats.percentage(text)
    share, receiver = formats.share(text), _receiver(to) if to else None
    return PhaseSpec(copies_text(share, receiver), mirror=share, to=receiver)


def _receiver(text: str) -> Receiver:
    formats.service_and_port(text)
    name, _, port = text.partition(":")
    return Receiver(name, int(port) if port else None)


def copies_text(share: Fraction, to: Receiver | None) -> str:
    """What a phase is called that mirrors a share: `mirror 20%`, `mirror 20% to recorder`."""
    return f"mirror {percent(share)}" + (f" to {to.title}" if to is not None else "")


def _own_name(name: str, phase: PhaseSpec) -> str:
    name = name.strip()
    try:
        named = _named(name)
    except ValueError:
        if RESERVED.match(name):
            raise
        if not NAME.match(name):
            raise ValueError(
                f"`{name}` is no name for a phase: letters, digits, spaces and . % _ -"
            ) from None
        return name
    if (named.weight, named.mirror, named.to) != (phase.weight, phase.mirror, phase.to):
        raise ValueError(f"the phase is called `{name}` and does `{phase.name}`")
    return named.name


def _methods(item: dict[str, Any]) -> tuple[str, ...]:
    methods = item.get("methods", SAFE_METHODS)
    if methods == "all":
        return ()
    return tuple(methods) if isinstance(methods, list | tuple) else SAFE_METHODS


def _seconds(item: dict[str, Any]) -> int:
    try:
        return formats.seconds(item.get("pause", "0s"))
    except (TypeError, ValueError):
        return 0


def _misplaced(phase: PhaseSpec, before: list[PhaseSpec], has_testers: bool) -> Iterator[str]:
    alike = next((other.name for other in before if slug(other.name) == slug(phase.name)), None)
    if alike == phase.name:
        yield f"`{phase.name}` stands here again; each phase may come once"
    elif alike is not None:
        yield f"`{phase.name}` and `{alike}` would share a folder; give one of them another name"
    elif phase.weight:
        highest = max((other.weight for other in before), default=Fraction(0))
        if phase.weight <= highest:
            yield f"{percent(phase.weight)} after {percent(highest)}: shares must rise; write them in order"
    elif any(other.weight for other in before):
        yield f"`{phase.name}` after a share: it gives the canary no share, so it comes before all of them"
    elif phase.mirror:
        yield from _misplaced_mirror(phase, before)
    elif not has_testers:
        yield "`header-only` needs `spec.testers`, and it is `false`"


def _misplaced_mirror(phase: PhaseSpec, before: list[PhaseSpec]) -> Iterator[str]:
    last = before[-1] if before else None
    if last is not None and not last.mirror:
        yield f"`{phase.name}` after `{last.name}`: mirrors come first, since stable answers everything in them"
        return
    alike = [other.mirror for other in before if other.to == phase.to]
    if alike and phase.mirror <= alike[-1]:
        shares = f"{copies_text(phase.mirror, phase.to)} after {copies_text(alike[-1], phase.to)}"
        yield f"{shares}: shares must rise; write them in order"
