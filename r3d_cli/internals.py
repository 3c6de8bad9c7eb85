"""Underscored names of PyTorch3D, such as ``_verts_list``, that client code reads and writes all the same.

PyTorch3D keeps each view of a batch in an attribute of its own. r3d keeps values once and makes the views
from them, so such a name is a property here. A class has a table of them (`honours`), made of three kinds:

    kind        reading gives               writing
    `written`   the view                    replaces the values: every other view follows
    `derived`   what follows from values    of anything new is an AttributeError that says what to write
    `steps`     a method                    is an AttributeError

None stands in PyTorch3D for "to be computed when asked for", which views are here always: to write it does
nothing, unless the table says more. Names that no table has are the user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

C = TypeVar("C", bound=type)

#: Names of PyTorch3D and what stands for them.
Table = dict[str, property]

#: What changes a list in place.
_MUTATORS: tuple[str, ...] = (
    *("__delitem__", "__iadd__", "__imul__", "__setitem__", "append", "clear", "extend", "insert", "pop"),
    *("remove", "reverse", "sort"),
)


def honours(table: Table) -> Callable[[C], C]:
    """A decorator of classes: the names of a table become theirs."""

    def decorate(owner: C) -> C:
        for name, stand_in in table.items():
            if stand_in.fget is None:  # a property of the class itself
                stand_in = stand_in.getter(getattr(owner, name).fget)
            setattr(owner, name, stand_in)
        return owner

    return decorate


def written(
    replace: Callable[[Any, str, Any], None],
    *names: str,
    forget: Callable[[Any, str], None] | None = None,
    read: Callable[[Any], Any] | None = None,
) -> Table:
    """Names whose values may be replaced.

    Args:
        replace: Called with the batch, the name and the value.
        *names: Each is read by the public method without its underscore.
        forget: Called with the batch and the name where None is written; without it None does nothing.
        read: Another way to read them.
    """

    def entry(name: str) -> property:
        def write(batch: Any, value: Any) -> None:
            if value is not None:
                replace(batch, name, value)
            elif forget is not None:
                forget(batch, name)

        return property(_reader(name, read), write)

    return {name: entry(name) for name in names}


def derived(instead: str, names: Iterable[str] = (), **readers: Callable[[Any], Any]) -> Table:
    """Names of what follows from other values.

    Args:
        instead: What to write in their place; the end of a sentence.
        names: Each is read by the public method without its underscore; those without one are properties of
            the class already.
        **readers: Names that are read in other ways.
    """

    def entry(name: str, read: Callable[[Any], Any] | None) -> property:
        def write(batch: Any, value: Any) -> None:
            if value is not None and not _same(value, getattr(batch, name)):
                raise AttributeError(f"{type(batch).__name__}.{name} follows from other values: {instead}")

        return property(read, write)

    read = {name: _reader(name) if name.startswith("_") else None for name in names}
    return {name: entry(name, reader) for name, reader in {**read, **readers}.items()}


def steps(*names: str, then: Callable[[Any], None] | None = None) -> Table:
    """Methods of PyTorch3D that compute views before these are read: here there is nothing to compute.

    Args:
        *names: Of the methods; each takes ``refresh``, which is False.
        then: What else ``refresh=True`` does to the batch.
    """

    def entry(name: str) -> property:
        def read(batch: Any) -> Callable[..., None]:
            def step(refresh: bool = False) -> None:
                if refresh and then is not None:
                    then(batch)

            return step

        return property(read)

    return {name: entry(name) for name in names}


def tensors_of(table: Table) -> tuple[str, ...]:
    """The names of a table that stand for tensors, rather than for lists, numbers or methods."""
    ends = ("_packed", "_padded", "_idx", "_per_mesh", "_per_cloud", "valid")
    return tuple(name for name in table if name.endswith(ends) and not name.startswith("_compute"))


class WrittenThrough(list[Any]):
    """A list of tensors that is a batch's: to change it is to write its name."""

    def __init__(self, tensors: Iterable[Any], batch: Any, name: str) -> None:
        super().__init__(tensors)
        self._write = lambda: setattr(batch, name, list(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are lists of their own."""
        return list, (list(self),)


def _mutator(name: str) -> Callable[..., Any]:
    change = getattr(list, name)

    def mutate(self: WrittenThrough, *args: Any, **kwargs: Any) -> Any:
        result = change(self, *args, **kwargs)
        self._write()
        return result

    return mutate


for _name in _MUTATORS:
    setattr(WrittenThrough, _name, _mutator(_name))


def _reader(name: str, of: Callable[[Any], Any] | None = None) -> Callable[[Any], Any]:
    """What reads a name: the public method without the underscore, unless there is another way."""

    def read(batch: Any) -> Any:
        view = of(batch) if of else _method(type(batch), name)(batch)
        return WrittenThrough(view, batch, name) if isinstance(view, list) else view

    return read


def _method(kind: type, name: str) -> Callable[[Any], Any]:
    """The public method of the class that has the name: one that overrides it may read the name itself."""
    owner = next(parent for parent in kind.__mro__ if name in vars(parent))
    return getattr(owner, name.removeprefix("_"))


def _same(value: Any, own: Any) -> bool:
    """Whether arrays, sparse matrices, numbers or lists of these are equal."""
    if value is own:
        return True
    if getattr(value, "shape", None) != getattr(own, "shape", None):
        return False
    if getattr(own, "is_sparse", False):
        if not getattr(value, "is_sparse", False):
            return False
        parts = [(matrix.indices(), matrix.values()) for matrix in (value.coalesce(), own.coalesce())]
        return all(_same(*pair) for pair in zip(*parts, strict=True))
    equal = value == own
    return bool(equal.all() if hasattr(equal, "all") else equal)
