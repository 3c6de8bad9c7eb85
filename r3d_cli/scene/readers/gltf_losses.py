"""What glTF files ask for and pictures will lack, in one warning a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from r3d_cli.scene.model import Material, NotDrawn
from r3d_cli.scene.readers.phong import is_mirror

# Extensions of materials that are read, or that change next to nothing.
_NO_LOSS = {
    "KHR_materials_emissive_strength",
    "KHR_materials_ior",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_unlit",
    "KHR_materials_variants",
}
# Exporters write these by default; they do nothing before this value of theirs is more than 0.
_STRENGTHS = {
    "KHR_materials_anisotropy": "anisotropyStrength",
    "KHR_materials_clearcoat": "clearcoatFactor",
    "KHR_materials_diffuse_transmission": "diffuseTransmissionFactor",
    "KHR_materials_dispersion": "dispersion",
    "KHR_materials_iridescence": "iridescenceFactor",
    "KHR_materials_sheen": "sheenColorFactor",
    "KHR_materials_transmission": "transmissionFactor",
    "KHR_materials_volume": "thicknessFactor",
}
_TEXTURES = {
    "normal textures": ("normalTexture",),
    "occlusion textures": ("occlusionTexture",),
    "metallic-roughness textures": ("pbrMetallicRoughness", "metallicRoughnessTexture"),
}


def of_material(found: dict[str, Any], material: Material) -> Iterator[str]:
    """The looks of a material that are not drawn. `material` is what was made of it."""
    if material.unlit:
        return
    extensions = found.get("extensions", {})
    older = extensions.get("KHR_materials_pbrSpecularGlossiness")
    for name, path in _TEXTURES.items():
        holder: Any = found
        for key in path:
            holder = holder.get(key, {})
        if holder and (older is None or len(path) == 1):
            yield name
    if older is not None and "specularGlossinessTexture" in older:
        yield "specular-glossiness textures"
    for name, extension in extensions.items():
        if _is_lost(name, extension):
            yield name
    if is_mirror(material):
        yield "reflections of surroundings"


def _is_lost(name: str, extension: dict[str, Any]) -> bool:
    if name in _STRENGTHS:
        value = extension.get(_STRENGTHS[name], 0)
        return any(value) if isinstance(value, list) else value != 0
    if name == "KHR_materials_specular":
        textures = "specularTexture" in extension or "specularColorTexture" in extension
        color = extension.get("specularColorFactor", [1, 1, 1])
        return textures or extension.get("specularFactor", 1) != 1 or any(value != 1 for value in color)
    return name not in _NO_LOSS and ("material" in name or "technique" in name)


def of_document(document: dict[str, Any]) -> Iterator[str]:
    """What the file holds beside its default scene's meshes and materials."""
    if document.get("animations"):
        yield "animations"
    if document.get("extensions", {}).get("KHR_lights_punctual", {}).get("lights"):
        yield "lights"
    if len(document.get("scenes", [])) > 1:
        yield "other scenes"


def warning(name: str, losses: dict[str, None]) -> list[str]:
    """One line that names them all, or none."""
    if not losses:
        return []
    verb = "is" if len(losses) == 1 and next(iter(losses))[-1] != "s" else "are"
    return [NotDrawn(f"{name}: {', '.join(losses)} {verb} not drawn; the picture does without")]
