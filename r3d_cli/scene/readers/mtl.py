"""Wavefront MTL: the materials of OBJ files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.model import Material, Texture
from r3d_cli.scene.readers.images import ImageError, read_image
from r3d_cli.scene.readers.source import Source

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
    colors: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # Kd, Ks, Ke
    shininess: float | None = None
    dissolve: float | None = None
    transparency: float | None = None
    illumination: int | None = None
    maps: dict[str, MtlMap] = field(default_factory=dict)  # map_kd, map_ke, map_d


def parse_mtl(source: Source) -> tuple[list[MtlMaterial], list[str]]:
    """The sections of an MTL file, and a warning for each line that could not be understood."""
    materials: list[MtlMaterial] = []
    warnings: list[str] = []
    text = source.data.decode("utf-8", "replace").removeprefix("\ufeff")
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        keyword, _, rest = line.strip().partition(" ") if "\t" not in line else _partition(line)
        rest = rest.strip()
        if keyword == "newmtl":
            materials.append(MtlMaterial(rest))
        elif materials:
            try:
                _statement(materials[-1], keyword.lower(), rest, number)
            except ValueError as error:
                warnings.append(f"{source.name}:{number}: {error}; the line was passed over")
    return materials, warnings


def _partition(line: str) -> tuple[str, str, str]:
    parts = line.split(None, 1)
    return parts[0] if parts else "", " ", parts[1] if len(parts) > 1 else ""


def _statement(material: MtlMaterial, keyword: str, rest: str, line: int) -> None:
    if keyword in ("kd", "ks", "ke"):
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


def linear_color(display: tuple[float, float, float]) -> tuple[float, float, float]:
    r, g, b = srgb_to_linear(np.clip(display, 0.0, 1.0)).tolist()
    return r, g, b


class TextureLoader:
    """Reads the images that the materials of one file name, each once, and collects warnings."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.warnings: list[str] = []
        self._images: dict[tuple[str, bool], NDArray[np.uint8] | None] = {}

    def image(self, name: str, line: int | None = None, *, alpha: bool = False) -> NDArray[np.uint8] | None:
        """The image, or None with a warning."""
        key = name, alpha
        if key not in self._images:
            self._images[key] = self._read(name, line, alpha)
        return self._images[key]

    def _read(self, name: str, line: int | None, alpha: bool) -> NDArray[np.uint8] | None:
        place = self.source.name if line is None else f"{self.source.name}:{line}"
        path = self.source.find(name)
        if path is None:
            problem = f"'{name}' is not in '{self.source.folder}'"
        else:
            try:
                return read_image(path, alpha=alpha)
            except ImageError as error:
                problem = f"'{path}' cannot be read ({error})"
        self.warnings.append(f"{place}: the texture {problem}; drawn without it")
        return None


def read_materials(source: Source) -> tuple[dict[str, Material], dict[str, MtlMap], list[str]]:
    """The materials of an MTL file by name, the placement of their textures, and warnings.

    MTL does not say what space its colours are in; authoring tools show them unconverted, so Kd, Ks and Ke
    are taken as sRGB display values and turned to linear light. Ka is left aside: it belongs to a light that
    the renderer sets itself. `illum` matters only where it turns the highlight off (0 and 1). A texture
    multiplies Kd, but not a black one: several exporters write black beside a texture.
    """
    sections, warnings = parse_mtl(source)
    loader = TextureLoader(source)
    materials = {section.name: _material(section, loader) for section in sections}
    maps = {section.name: section.maps["map_kd"] for section in sections if "map_kd" in section.maps}
    return materials, maps, warnings + loader.warnings


def _material(section: MtlMaterial, loader: TextureLoader) -> Material:
    material = Material(section.name, base_color=(0.8, 0.8, 0.8, _opacity(section)))
    material.base_color_texture = _texture(section.maps.get("map_kd"), loader)
    kd = section.colors.get("kd", (1.0, 1.0, 1.0) if material.base_color_texture else None)
    if material.base_color_texture and kd == (0, 0, 0):
        kd = 1.0, 1.0, 1.0
    if kd is not None:
        material.base_color = *linear_color(kd), material.base_color[3]
    material.emissive_texture = _texture(section.maps.get("map_ke"), loader)
    ke = section.colors.get("ke", (0.0, 0.0, 0.0))
    if material.emissive_texture and ke == (0, 0, 0):
        ke = 1.0, 1.0, 1.0
    material.emissive = linear_color(ke)
    if "ks" in section.colors:
        material.specular = linear_color(section.colors["ks"])
    if section.illumination in (0, 1):
        material.specular = 0.0, 0.0, 0.0
    if section.shininess is not None:
        material.shininess = min(max(section.shininess, 1.0), 1000.0)
    if material.base_color[3] < 1:
        material.alpha_mode = "blend"
    if "map_d" in section.maps:
        _add_opacity_map(material, section.maps["map_d"], loader)
    return material


def _opacity(section: MtlMaterial) -> float:
    if section.dissolve is not None:
        return min(max(section.dissolve, 0.0), 1.0)
    # Some exporters mean the opposite by Tr: a wholly invisible material is taken for an opaque one.
    if section.transparency is None or section.transparency >= 1:
        return 1.0
    return 1.0 - max(section.transparency, 0.0)


def _texture(statement: MtlMap | None, loader: TextureLoader) -> Texture | None:
    image = loader.image(statement.file, statement.line) if statement else None
    if image is None or statement is None:
        return None
    wrap = "clamp" if statement.clamp else "repeat"
    return Texture(image, (wrap, wrap))


def _add_opacity_map(material: Material, statement: MtlMap, loader: TextureLoader) -> None:
    """Put an opacity map into the alpha channel of the colour texture, at the colour texture's size."""
    image = loader.image(statement.file, statement.line, alpha=True)
    if image is None:
        return
    opacity = image[..., 3] if image.shape[2] == 4 else image.mean(axis=2).round().astype(np.uint8)
    color = material.base_color_texture
    if color is None:
        color = Texture(np.full((*opacity.shape, 3), 255, np.uint8))
    height, width = color.image.shape[:2]
    if opacity.shape != (height, width):
        from PIL import Image

        opacity = np.asarray(Image.fromarray(opacity).resize((width, height), Image.Resampling.BILINEAR))
    rgba = np.dstack([color.image[..., :3], opacity])
    material.base_color_texture = Texture(rgba, color.wrap, color.filter)
    # Cut-outs (leaves, fences) are near 0 or 1 almost everywhere; blending those would only cost order.
    hard = np.count_nonzero((opacity < 8) | (opacity > 247)) > 0.95 * opacity.size
    material.alpha_mode = "mask" if hard and material.base_color[3] == 1 else "blend"
