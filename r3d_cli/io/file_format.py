"""What the formats of meshes and those of point clouds share: how their files are written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from r3d_cli.io.files import check_decimals, write
from r3d_cli.io.interpreters import endswith
from r3d_cli.io.streams import is_path, shown, takes_text
from r3d_cli.scene.model import RawMesh


class FileFormat:
    """A format that `scene.writers` write.

    Attributes:
        known_suffixes: What names of such files end with.
        binary_forms: Whether a file may be text (False), binary (True) or both, the default first.
        save_options: What ``encode`` takes beside the options of all formats.
    """

    known_suffixes: tuple[str, ...] = ()
    binary_forms: ClassVar[tuple[bool, ...]] = (False,)
    save_options: ClassVar[tuple[str, ...]] = ()

    def takes(self, path: Any, method: str) -> bool:
        """Whether this may be a file of the format: a path by its suffix; of open files `IO` knows more."""
        return endswith(path, self.known_suffixes) and (is_path(path) or hasattr(path, method))

    def encode(self, raw: RawMesh, path: Path, *, binary: bool, decimals: int | None) -> dict[str, bytes]:
        """The files to write, by name, the path's own first."""
        raise NotImplementedError

    def write_raw(
        self,
        where: str,
        raw: RawMesh,
        path: Any,
        path_manager: Any,
        binary: bool | None,
        decimals: int | None,
        options: dict[str, Any],
    ) -> None:
        """Write what was taken from the user's data, as the user asked for it.

        Raises:
            TypeError: The format lacks an option.
            ValueError: It is never binary, or always.
        """
        check_no_options(where, options, self.save_options)
        check_decimals(where, decimals)
        if binary is None:
            text = takes_text(path) and False in self.binary_forms
            binary = False if text else self.binary_forms[0]
        elif binary not in self.binary_forms:
            form = "binary" if binary else "text"
            raise ValueError(f"{where}: {shown(path)}: files of this format are never {form}")
        target = Path(path) if is_path(path) else Path("mesh" + self.known_suffixes[0])
        files = self.encode(raw, target, binary=binary, decimals=decimals, **options)
        write(where, path, files, path_manager, binary=binary)


def check_no_options(where: str, options: Iterable[str], known: Iterable[str] = ()) -> None:
    """Raise a TypeError where a format was called with what it does not know."""
    if unknown := set(options) - set(known):
        raise TypeError(f"{where}: this format has no option {min(unknown)!r}")


def check_one(where: str, data: Any, kind: type, element: str, join: str) -> None:
    """Raise a ValueError unless the data are a batch of one element."""
    if not isinstance(data, kind):
        raise ValueError(f"{where}: data must be {kind.__name__}, got {type(data).__name__}")
    if len(data) != 1:  # type: ignore[arg-type]
        raise ValueError(
            f"{where}: data must be one {element}, got {len(data)}; save data[i], or {join}(data)"  # type: ignore[arg-type]
        )
