"""Errors of arguments, in one form: ``knn_points: p1 must have shape (N, P1, D), got (4, 7)``.

For arrays of NumPy, CuPy and PyTorch alike; none of them is imported here.
"""

from __future__ import annotations

from typing import Any


def check_shape(where: str, name: str, array: Any, shape: str, **sizes: int) -> dict[str, int]:
    """Hold an array against a shape.

    Args:
        where: The function, as its user calls it.
        name: The argument.
        array: Anything with a ``shape``.
        shape: Dimensions with spaces between them: a number is that size, a letter any size; a leading or a
            trailing "..." stands for any number of dimensions.
        **sizes: What a letter must be.

    Returns:
        The size of each letter, to be passed on to the next check.

    Raises:
        ValueError: It does not fit.

    Example:
        >>> import numpy as np
        >>> sizes = check_shape("knn_points", "p1", np.zeros((2, 5, 3)), "N P1 D")
        >>> check_shape("knn_points", "p2", np.zeros((2, 7, 4)), "N P2 D", N=2, D=3)
        Traceback (most recent call last):
        ValueError: knn_points: p2 must have shape (N, P2, D) with N = 2 and D = 3, got (2, 7, 4)
    """
    got = getattr(array, "shape", None)
    if got is None:
        raise ValueError(f"{where}: {name} must be an array of shape {_written(shape)}, got {_kind(array)}")
    wanted = shape.split()
    have = tuple(got)
    if wanted and wanted[0] == "...":
        wanted = wanted[1:]
        have = have[max(0, len(have) - len(wanted)) :]
    elif wanted and wanted[-1] == "...":
        wanted = wanted[:-1]
        have = have[: len(wanted)]
    found = {letter: size for letter, size in zip(wanted, have, strict=False) if not letter.isdigit()}
    fits = len(wanted) == len(have) and all(
        size == (int(letter) if letter.isdigit() else sizes.get(letter, found[letter]))
        for letter, size in zip(wanted, have, strict=True)
    )
    if not fits:
        known = " and ".join(f"{letter} = {sizes[letter]}" for letter in wanted if letter in sizes)
        raise ValueError(
            f"{where}: {name} must have shape {_written(shape)}{f' with {known}' if known else ''}, "
            f"got {_written(tuple(got))}"
        )
    return found


def check_tensor(where: str, name: str, value: Any, shape: str, **sizes: int) -> dict[str, int]:
    """`check_shape` of what must be PyTorch's, not NumPy's.

    Example:
        >>> import numpy as np
        >>> check_tensor("save_obj", "verts", np.zeros((4, 3)), "V 3")
        Traceback (most recent call last):
        ValueError: save_obj: verts must be a tensor of shape (V, 3), got ndarray; torch.as_tensor makes one
    """
    if not hasattr(value, "requires_grad"):
        got = _kind(value)
        mend = "; torch.as_tensor makes one" if got in ("ndarray", "list", "tuple") else ""
        raise ValueError(f"{where}: {name} must be a tensor of shape {_written(shape)}, got {got}{mend}")
    return check_shape(where, name, value, shape, **sizes)


def check_dtype(where: str, name: str, array: Any, *dtypes: str) -> None:
    """Raise a ValueError unless the array's dtype is one of these (NumPy's names: float32, int64, bool)."""
    got = dtype_name(array)
    if got not in dtypes:
        raise ValueError(f"{where}: {name} must be {' or '.join(dtypes)}, got {got}")


def check_floats(where: str, name: str, array: Any, shape: str) -> dict[str, int]:
    """Raise a ValueError unless the array holds floats and has the shape; the size of each letter."""
    sizes = check_shape(where, name, array, shape)
    check_dtype(where, name, array, "float32", "float64", "float16", "bfloat16")
    return sizes


def check_same_device(where: str, **arrays: Any) -> None:
    """Raise a ValueError unless all tensors (None: left out) are on one device."""
    devices = {name: array.device for name, array in arrays.items() if array is not None}
    if len(set(devices.values())) > 1:
        placed = ", ".join(f"{name} is on {device}" for name, device in devices.items())
        raise ValueError(f"{where}: {placed}; move them to one device with .to()")


def check_ids(where: str, name: str, ids: Any, count: int, of: str, lowest: int = 0) -> None:
    """Raise an IndexError unless every id lies in [lowest, count), the rows of ``of``. Waits for a GPU."""
    if 0 in ids.shape:
        return
    least, most = int(ids.min()), int(ids.max())
    check_most(where, name, least if least < lowest else most, count, of, lowest)


def check_most(where: str, name: str, most: int, count: int, of: str, lowest: int = 0) -> None:
    """Raise `check_ids`' IndexError unless the one id that lies farthest out is in [lowest, count)."""
    if not lowest <= most < count:
        raise IndexError(f"{where}: {name} holds {most}, outside [{lowest}, {count}), the ids of {of}")


def dtype_name(array: Any) -> str:
    """NumPy's name of an array's dtype, whatever its library; the type's name for what is no array."""
    dtype = getattr(array, "dtype", None)
    return _kind(array) if dtype is None else str(dtype).removeprefix("torch.")


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def _written(shape: str | tuple[int, ...]) -> str:
    sides = shape.split() if isinstance(shape, str) else [str(int(side)) for side in shape]
    return f"({sides[0]},)" if len(sides) == 1 and sides[0] != "..." else f"({', '.join(sides)})"
