"""Label selectors: which pods they catch, and how one of stable's becomes one of the canary's.

Source: apimachinery, LabelSelector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.api.builtin import checks
from kubectl_canary.findings import Path
from kubectl_canary.records import dataclass

Labels = Mapping[str, str]
SOURCES = ("", "k8s:", "any:")  # Cilium's prefixes of labels


@dataclass(frozen=True)
class Tracks:
    """The labels of a workload's pods, and those by which the canary's differ, with the canary's values."""

    labels: Labels
    track: Labels

    @property
    def canary_labels(self) -> Labels:
        """The labels of the canary's pods."""
        return {**self.labels, **self.track}


def selects(selector: Any, labels: Labels) -> bool:
    """Whether a label selector catches pods with these labels; none catches none."""
    return isinstance(selector, dict) and checks.selects(selector, dict(labels))


def selects_stable_alone(selector: Any, tracks: Tracks) -> bool:
    """Whether it catches stable's pods and not the canary's."""
    return selects(selector, tracks.labels) and not selects(selector, tracks.canary_labels)


def following(selector: dict[str, Any], tracks: Tracks) -> dict[str, Any]:
    """A selector that caught stable's pods, with the canary's values in the place of stable's."""
    followed = dict(selector)
    if selector.get("matchLabels"):
        followed["matchLabels"] = {
            key: tracks.track.get(key, text) for key, text in selector["matchLabels"].items()
        }
    if selector.get("matchExpressions"):
        followed["matchExpressions"] = [_following(item, tracks) for item in selector["matchExpressions"]]
    return followed


def _following(expression: dict[str, Any], tracks: Tracks) -> dict[str, Any]:
    key = str(expression.get("key"))
    if expression.get("operator") != "In" or key not in tracks.track:
        return expression
    values = [tracks.track[key] if text == tracks.labels.get(key) else text for text in expression["values"]]
    return {**expression, "values": values}


def of_canaries(selector: dict[str, Any], released: Sequence[Tracks]) -> dict[str, Any]:
    """A selector that caught stable's pods of each, and catches the canary's of each and nobody else's."""
    followed = selector
    for tracks in released:
        followed = following(followed, tracks)
    return _of_released(followed, released, lambda tracks, key: {tracks.track[key]})


def of_both(selector: dict[str, Any], released: Sequence[Tracks]) -> dict[str, Any]:
    """A selector that caught stable's pods of each, and catches the canary's beside them, and nobody else's."""
    labels = selector.get("matchLabels") or {}
    tracked = {key for tracks in released for key in tracks.track if key in labels}
    kept = {key: text for key, text in labels.items() if key not in tracked}
    either = [{"key": key, "operator": "In", "values": [labels[key]]} for key in sorted(tracked)]
    expressions = [*(selector.get("matchExpressions") or ()), *either]
    spread = {**({"matchLabels": kept} if kept else {}), "matchExpressions": expressions}
    return _of_released(spread, released, lambda tracks, key: {tracks.labels[key], tracks.track[key]})


def _of_released(
    selector: dict[str, Any], released: Sequence[Tracks], values: Callable[[Tracks, str], set[str]]
) -> dict[str, Any]:
    """The selector with these values alone, of those released, in its lists of a label by which canaries differ."""
    expressions = [
        {**item, "values": sorted(set().union(*(values(tracks, item["key"]) for tracks in named)))}
        if (named := _named(item, released))
        else item
        for item in selector.get("matchExpressions") or ()
    ]
    return {**selector, **({"matchExpressions": expressions} if expressions else {})}


def _named(expression: dict[str, Any], released: Sequence[Tracks]) -> list[Tracks]:
    """Whose label, of stable or canary, a list has."""
    key = str(expression.get("key"))
    return [
        tracks
        for tracks in released
        if expression.get("operator") == "In"
        and key in tracks.track
        and {tracks.labels.get(key), tracks.track[key]} & set(expression["values"])
    ]


def naming(value: Any, wanted: Labels, path: Path = ()) -> Iterator[Path]:
    """The places of maps that have one of the labels, bare or with the prefix of its source."""
    if isinstance(value, dict):
        if any(value.get(prefix + key) == text for key, text in wanted.items() for prefix in SOURCES):
            yield path
            return
        for key, child in value.items():
            yield from naming(child, wanted, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from naming(item, wanted, (*path, index))


def bare(key: str) -> str:
    """A label's key without the prefix of its source."""
    prefix = next((prefix for prefix in SOURCES if prefix and key.startswith(prefix)), "")
    return key.removeprefix(prefix)


def holds(value: Any, wanted: Labels) -> bool:
    """Whether some map in it is just this one."""
    if isinstance(value, dict):
        return value == wanted or any(holds(child, wanted) for child in value.values())
    return isinstance(value, list) and any(holds(item, wanted) for item in value)
