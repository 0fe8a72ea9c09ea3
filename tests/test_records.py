"""A dataclass that is made late is what the standard library would have made at once."""

from __future__ import annotations

import copy
import dataclasses
import sys
import threading
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Generic, TypeVar

import pytest

from kubectl_canary import records


def both(**how: bool) -> list[Any]:
    """A base and one derived from it, made late and made at once."""

    def made(dataclass: Any) -> Any:
        @dataclass(**how)
        class Base:
            first: int
            second: tuple[int, ...] = ()
            third: dict[str, int] = dataclasses.field(default_factory=dict)

            @cached_property
            def after(self) -> int:
                return self.first + 1

            @classmethod
            def of(cls, first: int) -> Any:
                return cls(first)

        @dataclass(**how)
        class Derived(Base):
            fourth: str = "4"

            def __post_init__(self) -> None:
                self.__dict__["made"] = True

        class Undecorated(Derived):
            pass

        return Base, Derived, Undecorated

    return [made(records.dataclass), made(dataclasses.dataclass)]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    "how", [{"frozen": True}, {"frozen": True, "order": True}, {}, {"frozen": True, "eq": False}]
)
def test_what_is_made_late_is_what_would_have_been_made(how: dict[str, bool], place: int) -> None:
    late, at_once = (classes[place] for classes in both(**how))
    one, other = late.of(1), at_once.of(1)
    assert repr(one) == repr(other).replace("at_once", "late")
    assert dataclasses.asdict(one) == dataclasses.asdict(other)
    assert [known.name for known in dataclasses.fields(late)] == [
        known.name for known in dataclasses.fields(at_once)
    ]
    assert (late.__match_args__, vars(one)) == (at_once.__match_args__, vars(other))
    assert (one == late(1), one == late(2), one == other) == (other == at_once(1), other == at_once(2), False)
    assert (one.after, copy.deepcopy(one).after, dataclasses.replace(one, first=3).after) == (2, 2, 4)
    assert hasattr(late, "third") == hasattr(at_once, "third")
    assert (late.__hash__ is None) == (at_once.__hash__ is None)
    if how.get("order"):
        assert late(1) < late(2)
    for name in ("first", "another"):
        assert refuses(one, name) == refuses(other, name)


def refuses(value: Any, name: str) -> list[str]:
    """What is raised where an attribute is set, and where it is deleted."""
    raised = []
    for change in (lambda: setattr(value, name, 2), lambda: delattr(value, name)):
        try:
            change()
        except Exception as error:
            raised.append(repr(error))
    return raised


def test_one_that_is_derived_may_begin_otherwise() -> None:
    @records.dataclass(frozen=True)
    class Base:
        first: int

    class Derived(Base):
        def __init__(self, text: str) -> None:
            super().__init__(int(text) + 1)

    assert Derived("3").first == 4
    assert Base(4).first == 4


Type = TypeVar("Type")


@records.dataclass(frozen=True)
class Pair(Generic[Type]):
    first: Type


def test_a_generic_one_may_be_named_with_its_type() -> None:
    assert Pair[int](1) == Pair(1)


def test_what_is_missing_is_said_at_the_first_call() -> None:
    late, _ = both(frozen=True)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'first'"):
        late[1]()


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads change places all the time."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hasty")
def test_a_class_is_made_once_however_many_begin_with_it() -> None:
    for _ in range(50):
        (_, late, _), _ = both(frozen=True)
        begin = threading.Barrier(4)
        made: list[Any] = []

        def make(late: Any = late, begin: threading.Barrier = begin, made: list[Any] = made) -> None:
            begin.wait()
            made.append(late(1, fourth="x"))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 4
        assert all(known == made[0] and hash(known.second) == hash(()) for known in made)


@records.dataclass
class Untouched:
    value: int


def test_nothing_is_made_of_a_class_without_an_instance() -> None:
    assert not dataclasses.is_dataclass(Untouched)
