"""The materials of OBJ files, from what their MTL files say."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

import numpy as np

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.model import Material, NotDrawn, Texture
from r3d_cli.scene.readers.images import TextureLoader
from r3d_cli.scene.readers.mtl import MtlMaterial, parse_mtl
from r3d_cli.scene.readers.mtl_names import MtlMap, readings
from r3d_cli.scene.readers.phong import exponent_of, is_mirror, matted, roughness_of
from r3d_cli.scene.readers.source import Source

# A mesh has one set of texture coordinates, which the first of these places.
_MAPS = "map_kd", "map_ka", "map_ke", "map_d"
# Colours whose channels differ by less are grey: by the rounding to 8 bits.
_GREY = 1 / 255
# What a surface reflects, and how roughly, where an MTL file says only the other.
_REFLECTS = 0.04, 0.04, 0.04
_ROUGHNESS = 0.5
# The models of illumination without a highlight, and those with glass.
_NO_HIGHLIGHT = 0, 1
_GLASS = 4, 6, 7, 9


class Library(NamedTuple):
    """What an MTL file defines."""

    materials: dict[str, Material]
    maps: dict[str, MtlMap]  # the placement of the materials' textures
    warnings: list[str]


def read_materials(source: Source, used: Set[str] | None = None, *, vertex_colors: bool = False) -> Library:
    """The materials of an MTL file by name, or only those with one of the `used` readings of their names.
    `vertex_colors`: whether the mesh has any.

    MTL does not say what space its colours are in; authoring tools show them unconverted, so Kd, Ks and Ke
    are taken as sRGB display values and turned to linear light. Ka is left aside: it belongs to a light that
    the renderer sets itself. What exporters mean goes before the letter of the format:

    - A coloured Kd multiplies a texture; a grey or black one leaves it as it is. Most exporters write their
      default grey beside a texture (0.588, 0.6, 0.64, 0.75, 0.8), some black, and show the texture alone.
      The same goes for colours of vertices, but of black ones: nothing says that the black was not meant.
    - Ns is a roughness on Blender's scale from 0, rough, to 1000, a mirror (see `phong`); Pr says it itself.
    - `illum` 0 and 1 have no highlight. All others do, reflections and glass are not traced. What is under
      `illum` 0 is lit all the same: tools write it for meshes that would be shapeless without light.
    - A wholly invisible material (d 0 or Tr 1) is drawn opaque: Tr 1 is what some write for opaque, d 0 a
      fault of others, which is warned of. Between them a surface is see-through by d, or else by 1 - Tr.
    - map_Ka stands in for a missing map_Kd; other maps and PBR statements are not drawn, one warning says so.
    """
    sections, warnings = parse_mtl(source)
    if used is not None:
        sections = [section for section in sections if not used.isdisjoint(readings(section.name))]
    loader = TextureLoader(source)
    materials = {section.name: _material(section, loader, vertex_colors) for section in sections}
    maps = {section.name: _first_map(section) for section in sections if section.maps}
    return Library(materials, maps, warnings + loader.warnings + _losses(source, sections, materials))


def _first_map(section: MtlMaterial) -> MtlMap:
    return next(section.maps[key] for key in _MAPS if key in section.maps)


def _material(section: MtlMaterial, loader: TextureLoader, vertex_colors: bool) -> Material:
    material = Material(section.name, base_color=(0.8, 0.8, 0.8, _opacity(section)))
    material.statements = {key: section.colors[key] for key in ("ka", "kd", "ks") if key in section.colors}
    if section.shininess is not None:
        material.statements["ns"] = (section.shininess,)
    color_map = section.maps.get("map_kd", section.maps.get("map_ka"))
    material.base_color_texture = _texture(color_map, loader)
    kd = section.colors.get("kd")
    grey = kd is None or max(kd) - min(kd) < _GREY
    if grey and (material.base_color_texture or (vertex_colors and kd != (0, 0, 0))):
        kd = 1.0, 1.0, 1.0
    if color_map and kd == (0, 0, 0):  # black stood for a texture that is missing
        kd = None
    if kd is not None:
        material.base_color = *_linear(kd), material.base_color[3]
    material.emissive_texture = _texture(section.maps.get("map_ke"), loader)
    ke = section.colors.get("ke", (0.0, 0.0, 0.0))
    if material.emissive_texture and ke == (0, 0, 0):
        ke = 1.0, 1.0, 1.0
    material.emissive = _linear(ke)
    _add_highlight(material, section)
    if material.base_color[3] < 1:
        material.alpha_mode = "blend"
    if "map_d" in section.maps:
        _add_opacity_map(material, section.maps["map_d"], color_map, loader)
    return material


def _add_highlight(material: Material, section: MtlMaterial) -> None:
    reflects, exponent, roughness = section.colors.get("ks"), section.shininess, section.roughness
    if section.illumination in _NO_HIGHLIGHT:
        material.specular = 0.0, 0.0, 0.0
    elif reflects is not None or exponent is not None or roughness is not None:
        if roughness is None:
            roughness = _ROUGHNESS if exponent is None else roughness_of(exponent)
        specular = _REFLECTS if reflects is None else _linear(reflects)
        roughness = min(max(roughness, 0.0), 1.0)
        material.specular, material.shininess = matted(specular, roughness), exponent_of(roughness)


def _opacity(section: MtlMaterial) -> float:
    if section.dissolve is not None:
        opacity = section.dissolve
    elif section.transparency is not None:
        opacity = 1.0 - section.transparency
    else:
        return 1.0
    # Wholly invisible is meant by next to nobody; see read_materials.
    return min(max(opacity, 0.0), 1.0) or 1.0


def _losses(source: Source, sections: list[MtlMaterial], materials: dict[str, Material]) -> list[str]:
    """One warning for the materials that would be invisible, one for all looks that are not drawn."""
    warnings: list[str] = []
    invisible = [section for section in sections if section.dissolve is not None and section.dissolve <= 0]
    invisible = [section for section in invisible if "map_d" not in section.maps]
    if invisible:
        first, others = invisible[0], f", as {len(invisible) - 1} others are" if len(invisible) > 1 else ""
        problem = f"the material '{first.name}' is invisible by its 'd 0', which exporters write by mistake"
        warnings.append(NotDrawn(f"{source.name}:{first.line}: {problem}; drawn opaque{others}"))
    lost: dict[str, int] = {}
    for section in sections:
        for look, line in _not_drawn(section, materials[section.name]).items():
            lost.setdefault(look, line)
    if lost:
        several = len(lost) > 1 or next(iter(lost)).startswith("reflections")
        looks = f"{', '.join(lost)} {'are' if several else 'is'} not drawn"
        warnings.append(NotDrawn(f"{source.name}:{min(lost.values())}: {looks}; the materials do without"))
    return warnings


def _not_drawn(section: MtlMaterial, material: Material) -> dict[str, int]:
    """What the file asks for and the picture will lack, and the lines that ask."""
    lost = dict(section.not_drawn)
    maps = section.maps
    if "map_ka" in maps and "map_kd" in maps and maps["map_ka"].file != maps["map_kd"].file:
        lost["map_Ka"] = maps["map_ka"].line
    for key in ("map_ke", "map_d"):
        first = _first_map(section) if maps else None
        if first and key in maps and (maps[key].scale, maps[key].offset) != (first.scale, first.offset):
            lost[f"the placement of {'map_Ke' if key == 'map_ke' else key}"] = maps[key].line
    # What passes through: exporters disagree on whether 0 or 1 is opaque, and write either by default.
    passes = section.colors.get("tf", (1.0, 1.0, 1.0))
    says_opacity = section.dissolve is not None or section.transparency is not None
    if section.illumination in _GLASS and not says_opacity and any(0 < value < 1 for value in passes):
        lost["Tf"] = section.line
    reflects = section.illumination is not None and section.illumination > 2
    if reflects and is_mirror(material):
        lost["reflections of surroundings"] = section.line
    return lost


def _texture(statement: MtlMap | None, loader: TextureLoader) -> Texture | None:
    image = loader.image(statement.file, statement.line) if statement else None
    if image is None or statement is None:
        return None
    wrap = "clamp" if statement.clamp else "repeat"
    return Texture(image, (wrap, wrap))


def _add_opacity_map(
    material: Material, statement: MtlMap, color_map: MtlMap | None, loader: TextureLoader
) -> None:
    """Put an opacity map into the alpha channel of the colour texture, at the colour texture's size."""
    image = loader.image(statement.file, statement.line, alpha=True)
    if image is None:
        return
    if statement.channel in ("r", "g", "b"):
        opacity = image[..., "rgb".index(statement.channel)]
    elif image.shape[2] == 4 and statement.channel != "l":
        opacity = image[..., 3]
    elif color_map and color_map.file == statement.file and not statement.channel:
        return  # exporters name a colour map for its alpha, whether or not it has any
    else:
        opacity = image[..., :3].mean(axis=2).round().astype(np.uint8)
    color = material.base_color_texture
    if color is None:
        wrap = "clamp" if statement.clamp else "repeat"
        color = Texture(np.full((*opacity.shape, 3), 255, np.uint8), (wrap, wrap))
    height, width = color.image.shape[:2]
    if opacity.shape != (height, width):
        from PIL import Image

        opacity = np.asarray(Image.fromarray(opacity).resize((width, height), Image.Resampling.BILINEAR))
    rgba = np.dstack([color.image[..., :3], opacity])
    material.base_color_texture = Texture(rgba, color.wrap, color.filter)
    # Cut-outs (leaves, fences) are near 0 or 1 almost everywhere; blending those would only cost order.
    hard = np.count_nonzero((opacity < 8) | (opacity > 247)) > 0.95 * opacity.size
    material.alpha_mode = "mask" if hard and material.base_color[3] == 1 else "blend"


def _linear(display: tuple[float, float, float]) -> tuple[float, float, float]:
    r, g, b = srgb_to_linear(np.clip(display, 0.0, 1.0)).tolist()
    return r, g, b
