"""Names of the files that pictures go to, from a template such as ``out/{stem}_{view:03}_{pass}.png``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

import numpy as np

from r3d_cli.errors import R3dError
from r3d_cli.scene.inputs import STANDARD_INPUT, Input
from r3d_cli.scene.pictures import CONTAINERS, picture_format

#: What stands between braces in a template -> what it becomes.
FIELDS = {
    "stem": "the file's name without its extension; of standard input mesh",
    "name": "the file's name",
    "ext": "the file's extension, without the dot",
    "parent": "the file's folder below the one that was given",
    "index": "the file's number, from 0",
    "view": "the view's number, from 0",
    "camera": "the camera's name",
    "pass": "the pass, such as depth",
}

_NUMBERS = ("index", "view")
_PER_FILE = ("stem", "name", "index", "parent")
_PER_VIEW = ("view", "camera")


@dataclass(frozen=True)
class OutputTemplate:
    """A checked template: makes the paths of all pictures of a run.

    Attributes:
        text: The template; of a folder with the names that it stands for.
        passes: All passes of the run.
        fields: The fields that stand in it.
    """

    text: str
    passes: tuple[str, ...]
    fields: frozenset[str]

    @staticmethod
    def parse(
        text: str,
        *,
        files: int = 1,
        views: int = 1,
        passes: Sequence[str] = ("rgb",),
        called: str = "stem",
    ) -> OutputTemplate:
        """Check a template against what it is to hold apart.

        ``{{`` and ``}}`` stand for braces. Numbers take a width: ``{view:03}``. A folder, which is there or
        whose name ends with a slash, stands for ``{parent}/{stem}.png`` in it, with ``_{view:03}`` and
        ``_{pass}`` where there are several.

        Args:
            text: The template.
            files, views: How many there are.
            passes: The passes to write.
            called: What a file in a folder is called by: the field stem, or name where stems are the same.

        Raises:
            ValueError: A field is unknown, a format wrong, a field is missing, or the extension is none of a
                picture's.

        Example:
            >>> template = OutputTemplate.parse("out/{stem}_{view:02}.png", files=2, views=3)
            >>> template.path(Input("scans/bunny.obj"), view=1)
            PosixPath('out/bunny_01.png')
            >>> OutputTemplate.parse("out/{stem}.png", views=3)
            Traceback (most recent call last):
            ...
            ValueError: 'out/{stem}.png' names one file for 3 views; put {view} in it, such as {view:03}
        """
        if os.path.isdir(text):
            text = text.replace("{", "{{").replace("}", "}}").rstrip(os.sep) + os.sep
        if text.endswith(os.sep):
            numbers = "_{view:03}" * (views > 1) + "_{pass}" * (len(passes) > 1)
            text = f"{text}{{parent}}/{{{called}}}{numbers}.png"
        fields = _parse_fields(text)
        template = OutputTemplate(text, tuple(passes), fields)
        if len(passes) > 1 and "pass" not in fields and template.format not in CONTAINERS:
            raise ValueError(
                f"'{text}' names one file for {len(passes)} passes; put {{pass}} in it, or end it in .npz or "
                ".exr, which hold several"
            )
        if views > 1 and fields.isdisjoint(_PER_VIEW):
            raise ValueError(
                f"'{text}' names one file for {views} views; put {{view}} in it, such as {{view:03}}"
            )
        if files > 1 and fields.isdisjoint(_PER_FILE):
            raise ValueError(
                f"'{text}' names one file for {files} meshes; put {{stem}}, {{name}} or {{index}} in it"
            )
        return template

    @property
    def format(self) -> str:
        """A value of `pictures.FORMATS`."""
        return picture_format(self._fill(_values(Input("stem.ext")), 0, "camera", "pass"))

    def path(self, source: Input, *, view: int = 0, camera: str = "", name: str = "rgb") -> Path:
        """The file of pass ``name``.

        Args:
            source: The mesh's file.
            view: Number of the view, from 0.
            camera: Name of the camera; slashes become underscores.
            name: The pass.
        """
        return Path(self._fill(_values(source), view, camera, name))

    def files(self, source: Input, *, view: int = 0, camera: str = "") -> dict[Path, tuple[str, ...]]:
        """The files of one picture, and which passes each of them holds.

        Example:
            >>> template = OutputTemplate.parse("{stem}.npz", passes=["rgb", "depth"])
            >>> template.files(Input("bunny.obj"))
            {PosixPath('bunny.npz'): ('rgb', 'depth')}
        """
        if "pass" not in self.fields:
            return {self.path(source, view=view, camera=camera): self.passes}
        return {self.path(source, view=view, camera=camera, name=name): (name,) for name in self.passes}

    def check_collisions(
        self, sources: Sequence[Input], cameras: Sequence[str] | Callable[[Input], Sequence[str]] = ("",)
    ) -> None:
        """Refuse a run in which two pictures would be one file.

        Args:
            sources: All meshes.
            cameras: The names of all views' cameras, or what tells them of each mesh.

        Raises:
            ValueError: Names the file, and who would write it.
        """
        # Paths as 8-byte hashes, so that a million of them is no matter; those that meet are looked at again.
        hashes = np.fromiter((hash(path) for path, _ in self._all(sources, cameras)), np.int64)
        values, counts = np.unique(hashes, return_counts=True)
        again = set(values[counts > 1].tolist())
        if not again:
            return
        writers: dict[str, tuple[Input, int]] = {}
        for path, writer in self._all(sources, cameras):
            if hash(path) not in again:
                continue
            other = writers.setdefault(path, writer)
            if other is writer:
                continue
            (one, _), (source, view) = other, writer
            if one is source:
                who = f"views {other[1]} and {view} of {source}"
                mends = ["view"]
            else:
                who = f"{one} and {source}"
                differ = {field for field, value in _values(one).items() if value != _values(source)[field]}
                mends = [field for field in ("parent", "name", "index") if field in differ]
            mend = next((f"put {{{field}}} in" for field in mends if field not in self.fields), None)
            raise ValueError(
                f"{path} would be written for {who}; {mend or 'part the fields of'} '{self.text}'"
            )

    def check_folder(self) -> None:
        """Refuse a place that cannot be written to, before any work is done.

        Raises:
            R3dError: The folder of a plain name is not there, or the nearest one that is may not be written.
        """
        if not self.fields and os.path.exists(path := self._fill(_values(Input("")), 0, "", "")):
            if os.access(path, os.W_OK):
                return
            raise R3dError(f"{path}: permission denied; name a writable file with -o")
        known = ""  # up to the first field
        for text, field, *_ in Formatter().parse(self.text):
            known += text
            if field is not None:
                break
        folder = os.path.dirname(known) or "."
        if not self.fields and not os.path.isdir(folder):
            raise R3dError(f"{known}: there is no directory {folder}")
        while not os.path.lexists(folder):
            folder = os.path.dirname(folder) or "."
        if not os.path.isdir(folder):
            raise R3dError(f"{folder}: is no directory, pictures cannot go into it; name another with -o")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise R3dError(f"{folder}: permission denied; name a writable directory with -o")

    def make_folder(self, path: Path) -> None:
        """Make the folder of a path of this template; that of a plain name has to be there."""
        if self.fields:
            path.parent.mkdir(parents=True, exist_ok=True)

    def _all(
        self, sources: Sequence[Input], cameras: Sequence[str] | Callable[[Input], Sequence[str]]
    ) -> Iterator[tuple[str, tuple[Input, int]]]:
        names = self.passes if "pass" in self.fields else self.passes[:1]
        for source in sources:
            of_source = _values(source)
            for view, camera in enumerate(cameras(source) if callable(cameras) else cameras):
                writer = source, view
                for name in names:
                    yield os.path.normpath(self._fill(of_source, view, camera, name)), writer

    def _fill(self, of_source: dict[str, str | int], view: int, camera: str, name: str) -> str:
        camera = camera.replace("/", "_")
        camera = camera if camera.strip(".") else "_" * len(camera)
        return self.text.format_map({**of_source, "view": view, "camera": camera, "pass": name})


def _values(source: Input) -> dict[str, str | int]:
    """What an input's own fields become."""
    path = "mesh" if source.path == STANDARD_INPUT else source.path
    file = os.path.basename(path)
    stem, extension = os.path.splitext(file)
    return {
        "stem": stem,
        "name": file,
        "ext": extension.removeprefix("."),
        "parent": source.parent,
        "index": source.index,
    }


def _parse_fields(text: str) -> frozenset[str]:
    """The fields of a template; a ValueError where there is anything else between its braces."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        raise ValueError(f"'{text}' has a brace without its other; a literal brace is {{{{ or }}}}") from None
    fields = [(field, spec or "", conversion) for _, field, spec, conversion in parts if field is not None]
    for field, spec, conversion in fields:
        if field not in FIELDS or conversion:
            shown = field + (f"!{conversion}" if conversion else "")
            known = ", ".join(f"{{{name}}}" for name in FIELDS)
            raise ValueError(
                f"'{text}' has the unknown field {{{shown}}}; there are {known}, and {{{{ for a brace"
            )
        if spec and (field not in _NUMBERS or not re.fullmatch(r"0?[1-9][0-9]?d?|d", spec)):
            mend = "write a width, such as {view:03}" if field in _NUMBERS else f"write {{{field}}}"
            raise ValueError(f"'{text}' has the format {{{field}:{spec}}}, which is none; {mend}")
    return frozenset(field for field, *_ in fields)
