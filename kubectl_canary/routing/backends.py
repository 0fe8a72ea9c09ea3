"""A backendRef of a rule or a mirror, as everybody reads it."""

from __future__ import annotations

from typing import Any

from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class BackendRef:
    """A backendRef of a rule or a mirror, seen through the API's defaults; its value stays as it is written.

    A field that is null has its default, as in the server.
    """

    value: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of what it sends to."""
        return str(self.value.get("name"))

    @property
    def kind(self) -> str:
        """The kind that it names; a Service where it says nothing."""
        return str(self.value.get("kind") or "Service")

    @property
    def group(self) -> str:
        """The group of that kind; the core group where it says nothing."""
        return str(self.value.get("group") or "")

    @property
    def port(self) -> int | None:
        """The port; None where it names none."""
        port: int | None = self.value.get("port")
        return port

    @property
    def is_service(self) -> bool:
        """Whether it names a Service."""
        return (self.kind, self.group) == ("Service", "")

    @property
    def identity(self) -> tuple[Any, ...]:
        """What it sends to, but for the namespace: kind, group, name and port."""
        return self.kind, self.group, self.value.get("name"), self.port

    def namespace(self, route: str | None) -> str | None:
        """Where that is: in the namespace of the route, where it says nothing."""
        namespace: str | None = self.value.get("namespace") or route
        return namespace

    @property
    def weight(self) -> int:
        """Its weight; 1 where it says nothing."""
        weight = self.value.get("weight")
        return 1 if weight is None else int(weight)
