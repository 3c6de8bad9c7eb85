"""Properties that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class kept(Generic[T]):
    """A property that is computed when first asked for, and kept in the object.

    As ``functools.cached_property``, whose lock ``torch.compile`` cannot trace.

    Example:
        >>> class Circle:
        ...     @kept
        ...     def area(self):
        ...         return print("computed") or 3
        >>> circle = Circle()
        >>> circle.area + circle.area
        computed
        6
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        update_wrapper(self, compute)  # type: ignore[arg-type]

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, owner: None, kind: type) -> kept[T]: ...

    @overload
    def __get__(self, owner: object, kind: type) -> T: ...

    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self
        value = self.made(owner)
        setattr(owner, self.name, value)  # where it is found from now on, before this descriptor
        return value

    def made(self, owner: Any) -> T:
        """The value, for subclasses that make it in other ways."""
        return self.compute(owner)
