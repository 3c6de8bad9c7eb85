"""Wavefront MTL, the materials of OBJ files: what the file says. `obj_materials` makes materials of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from r3d_cli.scene.readers.mtl_names import MtlMap, parse_map
from r3d_cli.scene.readers.source import Source, decode

# Looks that are not drawn: statements of maps that do not begin with map_, and numbers where they are not 0.
_OTHER_MAPS = {"bump": "bump", "norm": "norm", "disp": "disp", "decal": "decal", "refl": "refl"}
_OTHER_NUMBERS = {"pm": "Pm", "ps": "Ps", "pc": "Pc", "aniso": "aniso"}
_DRAWN_MAPS = "map_ka", "map_kd", "map_ke", "map_d"
_COMMENT = re.compile(r"(?<!\d\.)#")
_ANTIALIASING = "map_aat"  # is no map


@dataclass
class MtlMaterial:
    """A `newmtl` section: display values as the file has them, statements that are absent None."""

    name: str
    line: int
    colors: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # ka, kd, ks, ke, tf
    shininess: float | None = None
    roughness: float | None = None
    dissolve: float | None = None
    transparency: float | None = None
    illumination: int | None = None
    maps: dict[str, MtlMap] = field(default_factory=dict)  # map_ka, map_kd, map_ke, map_d
    not_drawn: dict[str, int] = field(default_factory=dict)  # looks that are passed over -> line


def parse_mtl(source: Source) -> tuple[list[MtlMaterial], list[str]]:
    """The sections of an MTL file, and a warning for each kind of statement that could not be understood."""
    materials: list[MtlMaterial] = []
    problems: dict[str, list[str]] = {}
    for number, line in _lines(decode(source.data)):
        keyword, rest = [*line.split(None, 1), "", ""][:2]
        keyword, rest = keyword.lower(), rest.strip()
        if keyword == "newmtl":
            materials.append(MtlMaterial(rest, number))
        elif materials:
            try:
                _statement(materials[-1], keyword, rest, number, source)
            except ValueError as error:
                problems.setdefault(keyword, []).append(f"{source.name}:{number}: {error}")
    return materials, [
        f"{first}; the line was passed over" + (f", as {len(more)} more like it" if more else "")
        for first, *more in problems.values()
    ]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; a backslash at the end of a line joins the next one to it."""
    joined, first = "", 0
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        first = first or number
        if line.rstrip().endswith("\\"):
            joined += line.rstrip()[:-1] + " "
            continue
        yield first, joined + line
        joined, first = "", 0
    if joined:
        yield first, joined


def _statement(material: MtlMaterial, keyword: str, rest: str, line: int, source: Source) -> None:
    if keyword in ("ka", "kd", "ks", "ke", "tf"):
        material.colors[keyword] = _color(rest, keyword.capitalize())
    elif keyword == "ns":
        material.shininess = _numbers(rest, 1, "Ns")[0]
    elif keyword == "pr":
        material.roughness = _numbers(rest, 1, "Pr")[0]
    elif keyword == "d":
        material.dissolve = _numbers(rest.removeprefix("-halo"), 1, "d")[0]
    elif keyword == "tr":
        material.transparency = _numbers(rest, 1, "Tr")[0]
    elif keyword == "illum":
        material.illumination = int(_numbers(rest, 1, "illum")[0])
    elif keyword in _DRAWN_MAPS:
        material.maps[keyword] = parse_map(rest, line, source.find)
    elif keyword in _OTHER_MAPS or (keyword.startswith("map_") and keyword != _ANTIALIASING):
        name = _OTHER_MAPS.get(keyword, "map_" + keyword.removeprefix("map_").capitalize())
        material.not_drawn.setdefault(name, line)
    elif keyword in _OTHER_NUMBERS and _numbers(rest, 1, _OTHER_NUMBERS[keyword])[0] != 0:
        material.not_drawn.setdefault(_OTHER_NUMBERS[keyword], line)


def _numbers(text: str, count: int, statement: str) -> list[float]:
    values = []
    for word in _words(text)[:count]:
        try:
            values.append(float(word))
        except ValueError:
            break
    if len(values) < count or not all(map(math.isfinite, values)):
        numbers = "a finite number" if count == 1 else f"{count} finite numbers"
        raise ValueError(f"'{statement}' needs {numbers}, got '{text[:40]}'")
    return values


def _words(text: str) -> list[str]:
    """The words before a comment; the sign in Microsoft's 1.#IND and 1.#QNAN begins none."""
    return (_COMMENT.split(text, maxsplit=1)[0] if "#" in text else text).split()


def _color(text: str, statement: str) -> tuple[float, float, float]:
    if text.startswith(("spectral", "xyz")):
        raise ValueError(f"'{statement} {text.split()[0]}' is not read, only red, green and blue")
    r, g, b = _numbers(text, 3, statement) if len(_words(text)) != 1 else _numbers(text, 1, statement) * 3
    return r, g, b
