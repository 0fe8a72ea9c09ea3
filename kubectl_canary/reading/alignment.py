"""Two lists, one made from the other → which item has become which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_canary.api.equality import identical

MOST = 250_000  # pairs that are compared; beyond, items are paired by their place


def aligned(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[int, int]]:
    """Pairs of places, rising on both sides: equal items first, then those of a name, then the most alike."""
    start = 0
    while start < min(len(old), len(new)) and identical(old[start], new[start]):
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and identical(old[-1 - end], new[-1 - end]):
        end += 1
    middle = _best(old[start : len(old) - end], new[start : len(new) - end])
    return [
        *((place, place) for place in range(start)),
        *((start + left, start + right) for left, right in middle),
        *((len(old) - place, len(new) - place) for place in range(end, 0, -1)),
    ]


def _best(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[int, int]]:
    if len(old) * len(new) > MOST:
        return [(place, place) for place in range(min(len(old), len(new)))]
    likeness = [[_likeness(left, right) for right in new] for left in old]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for left in range(len(old) - 1, -1, -1):
        for right in range(len(new) - 1, -1, -1):
            pair = likeness[left][right]
            together = best[left + 1][right + 1] + pair if pair else 0.0
            best[left][right] = max(together, best[left + 1][right], best[left][right + 1])
    return _walked(best, likeness)


def _walked(best: list[list[float]], likeness: list[list[float]]) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    left = right = 0
    while left < len(likeness) and right < len(likeness[0]):
        if best[left][right] == best[left + 1][right]:
            left += 1
        elif best[left][right] == best[left][right + 1]:
            right += 1
        else:
            pairs.append((left, right))
            left, right = left + 1, right + 1
    return pairs


def _likeness(old: Any, new: Any) -> float:
    """How surely one item has become the other; 0 where it has not."""
    if identical(old, new):
        return 8.0
    if isinstance(old, dict) and isinstance(new, dict):
        return _likeness_of_mappings(old, new)
    is_plain = not isinstance(old, dict | list) and not isinstance(new, dict | list)
    return 0.5 if is_plain or type(old) is type(new) else 0.0


def _likeness_of_mappings(old: dict[str, Any], new: dict[str, Any]) -> float:
    shared = sum(key in new and identical(child, new[key]) for key, child in old.items())
    alike = shared / max(len(old), len(new), 1)
    if old.get("name") != new.get("name"):  # one that was renamed
        is_hardly_more = max(len(old), len(new)) == 1
        return alike / 4 if alike >= 1 / 2 else 0.1 * is_hardly_more
    return (4.0 if old.get("name") is not None else 1.0) + alike
