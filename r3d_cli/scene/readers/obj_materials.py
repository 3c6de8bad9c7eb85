"""The materials of OBJ files, from what their MTL files say."""

from __future__ import annotations

import numpy as np

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.model import Material, Texture
from r3d_cli.scene.readers.images import TextureLoader
from r3d_cli.scene.readers.mtl import MtlMap, MtlMaterial, parse_mtl
from r3d_cli.scene.readers.source import Source

# A mesh has one set of texture coordinates, which the first of these places.
_MAPS = "map_kd", "map_ke", "map_d"


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
    maps = {
        section.name: next(section.maps[key] for key in _MAPS if key in section.maps)
        for section in sections
        if section.maps
    }
    return materials, maps, warnings + loader.warnings


def _material(section: MtlMaterial, loader: TextureLoader) -> Material:
    material = Material(section.name, base_color=(0.8, 0.8, 0.8, _opacity(section)))
    material.statements = {key: section.colors[key] for key in ("ka", "kd", "ks") if key in section.colors}
    if section.shininess is not None:
        material.statements["ns"] = (section.shininess,)
    material.base_color_texture = _texture(section.maps.get("map_kd"), loader)
    kd = section.colors.get("kd", (1.0, 1.0, 1.0) if material.base_color_texture else None)
    if material.base_color_texture and kd == (0, 0, 0):
        kd = 1.0, 1.0, 1.0
    if kd is not None:
        material.base_color = *_linear(kd), material.base_color[3]
    material.emissive_texture = _texture(section.maps.get("map_ke"), loader)
    ke = section.colors.get("ke", (0.0, 0.0, 0.0))
    if material.emissive_texture and ke == (0, 0, 0):
        ke = 1.0, 1.0, 1.0
    material.emissive = _linear(ke)
    if "ks" in section.colors:
        material.specular = _linear(section.colors["ks"])
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
