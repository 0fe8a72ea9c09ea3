"""Label selectors: which pods they catch, and how one of stable's becomes one of the canary's.

Source: apimachinery, LabelSelector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_canary.api.builtin import checks
from kubectl_canary.findings import Path

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


def of_both(selector: dict[str, Any], tracks: Tracks) -> dict[str, Any]:
    """A selector that caught stable's pods, and catches the canary's beside them."""
    labels = selector.get("matchLabels") or {}
    kept = {key: text for key, text in labels.items() if key not in tracks.track}
    either = [
        {"key": key, "operator": "In", "values": sorted({labels[key], text})}
        for key, text in tracks.track.items()
        if key in labels
    ]
    others = [_of_both(item, tracks) for item in selector.get("matchExpressions") or ()]
    return {**({"matchLabels": kept} if kept else {}), "matchExpressions": [*others, *either]}


def _of_both(expression: dict[str, Any], tracks: Tracks) -> dict[str, Any]:
    followed = _following(expression, tracks)
    if followed is expression:
        return expression
    return {**expression, "values": sorted({*expression["values"], *followed["values"]})}


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
