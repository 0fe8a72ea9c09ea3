"""Who else writes the objects of the release: an engine of GitOps undoes what others change."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, ok, title, warning
from kubectl_canary.driving.owners import Owner, owners


def check(facts: Facts) -> Iterator[Remark]:
    """Each engine with the objects that it writes."""
    written: dict[Owner, list[str]] = {}
    for value in facts.objects.values():
        for owner in owners(value):
            written.setdefault(owner, []).append(title(value))
    for owner, titles in written.items():
        if owner.reconciles:
            text = f"{owner.title} reconciles {', '.join(titles)}: it undoes what `apply` changes"
            yield warning(text, f"{owner.git}; or suspend it: {owner.suspend}")
        else:
            yield ok(f"{owner.title} has made {', '.join(titles)}; its next upgrade writes them again")
