"""Wavefront MTL, the materials of OBJ files: what the file says. `obj_materials` makes materials of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from r3d_cli.scene.readers.source import Source, decode

# The options of map statements that take arguments, and how many; -o, -s and -t take one to three numbers.
_OPTION = re.compile(
    r"-(?:"
    r"(?P<uvw>[ost])(?P<numbers>(?:\s+[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?=\s)){1,3})"
    r"|clamp\s+(?P<clamp>\S+)"
    r"|mm\s+\S+\s+\S+"
    r"|(?:blendu|blendv|cc|texres|bm|boost|imfchan|type)\s+\S+"
    r")\s+"
)


class MtlMap(NamedTuple):
    """What a map statement says."""

    line: int
    file: str
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    clamp: bool = False


@dataclass
class MtlMaterial:
    """A `newmtl` section: display values as the file has them, statements that are absent None."""

    name: str
    colors: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # Ka, Kd, Ks, Ke
    shininess: float | None = None
    dissolve: float | None = None
    transparency: float | None = None
    illumination: int | None = None
    maps: dict[str, MtlMap] = field(default_factory=dict)  # map_kd, map_ke, map_d


def parse_mtl(source: Source) -> tuple[list[MtlMaterial], list[str]]:
    """The sections of an MTL file, and a warning for each line that could not be understood."""
    materials: list[MtlMaterial] = []
    warnings: list[str] = []
    for number, line in enumerate(re.split(r"\r\n|\n|\r", decode(source.data)), 1):
        keyword, rest = [*line.split(None, 1), "", ""][:2]
        rest = rest.strip()
        if keyword == "newmtl":
            materials.append(MtlMaterial(rest))
        elif materials:
            try:
                _statement(materials[-1], keyword.lower(), rest, number)
            except ValueError as error:
                warnings.append(f"{source.name}:{number}: {error}; the line was passed over")
    return materials, warnings


def _statement(material: MtlMaterial, keyword: str, rest: str, line: int) -> None:
    if keyword in ("ka", "kd", "ks", "ke"):
        material.colors[keyword] = _color(rest, keyword.capitalize())
    elif keyword == "ns":
        material.shininess = _numbers(rest, 1, "Ns")[0]
    elif keyword == "d":
        material.dissolve = _numbers(rest.removeprefix("-halo"), 1, "d")[0]
    elif keyword == "tr":
        material.transparency = _numbers(rest, 1, "Tr")[0]
    elif keyword == "illum":
        material.illumination = int(_numbers(rest, 1, "illum")[0])
    elif keyword in ("map_kd", "map_ke", "map_d"):
        material.maps[keyword] = _map(rest, line)


def _numbers(text: str, count: int, statement: str) -> list[float]:
    values = []
    for word in text.partition("#")[0].split()[:count]:
        try:
            values.append(float(word))
        except ValueError:
            break
    if len(values) < count or not np.isfinite(values).all():
        numbers = "a finite number" if count == 1 else f"{count} finite numbers"
        raise ValueError(f"'{statement}' needs {numbers}, got '{text[:40]}'")
    return values


def _color(text: str, statement: str) -> tuple[float, float, float]:
    if text.startswith(("spectral", "xyz")):
        raise ValueError(f"'{statement} {text.split()[0]}' is not read, only red, green and blue")
    words = text.partition("#")[0].split()
    r, g, b = _numbers(text, 3, statement) if len(words) != 1 else _numbers(text, 1, statement) * 3
    return r, g, b


def _map(text: str, line: int) -> MtlMap:
    scale, offset, clamp = (1.0, 1.0), (0.0, 0.0), False
    while match := _OPTION.match(text):
        if match["clamp"]:
            clamp = match["clamp"].lower() == "on"
        if match["uvw"] in ("o", "s"):
            default = 1.0 if match["uvw"] == "s" else 0.0
            numbers = [float(word) for word in match["numbers"].split()] + [default]
            if match["uvw"] == "s":
                scale = numbers[0], numbers[1]
            else:
                offset = numbers[0], numbers[1]
        text = text[match.end() :]
    if not text:
        raise ValueError("a map names no file")
    return MtlMap(line, text, scale, offset, clamp)
