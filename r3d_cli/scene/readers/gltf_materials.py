"""Materials and textures of glTF 2.0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.model import Material, MeshError, Texture
from r3d_cli.scene.readers import gltf_losses
from r3d_cli.scene.readers.gltf_document import GltfDocument
from r3d_cli.scene.readers.gltf_primitive import Primitive
from r3d_cli.scene.readers.images import ImageError, read_image
from r3d_cli.scene.readers.phong import exponent_of, reflected

_WRAPS = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_NEAREST = 9728
_TRANSFORM = "KHR_texture_transform"
_SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
# Extensions by which a texture names an image of another format, the best first. Pillow says which it reads.
_FORMATS = "EXT_texture_webp", "EXT_texture_avif", "MSFT_texture_dds"


class GltfMaterials:
    """The materials of a document, each read once."""

    def __init__(self, document: GltfDocument) -> None:
        self.document = document
        self.warnings: list[str] = []
        self.losses: dict[str, None] = {}  # what is not drawn, in order
        self._materials: dict[int, Material] = {}
        self._images: dict[tuple[int, bool], NDArray[np.uint8] | None] = {}

    def material(self, index: int) -> Material:
        if index not in self._materials:
            found = self.document.item("materials", index)
            self._materials[index] = self._read(found)
            if self.document.source.textures:
                self._note_losses(found, self._materials[index])
        return self._materials[index]

    def _note_losses(self, found: dict[str, Any], material: Material) -> None:
        self.losses |= dict.fromkeys(gltf_losses.of_material(found, material))
        placements = _placement(_base_color(found)[1]), _placement(found.get("emissiveTexture"))
        both = material.base_color_texture is not None and material.emissive_texture is not None
        if both and placements[0] != placements[1]:
            self.losses["emissive textures' own coordinates"] = None

    def uvs(
        self, index: int | None, primitive: Primitive, num_verts: int
    ) -> NDArray[np.float32] | None:  # (V, 2)
        """Texture coordinates, v up, as a material's base colour or else its emissive texture places them."""
        found = {} if index is None else self.document.item("materials", index)
        texture = _base_color(found)[1] or found.get("emissiveTexture")
        coordinates, angle, scale, offset = _placement(texture)
        name = f"TEXCOORD_{coordinates}"
        if name not in primitive:
            if texture is not None and self.document.source.textures:
                self.losses["textures of parts without texture coordinates"] = None
            return None
        uvs = primitive.floats(name, (2,), num_verts)
        turn = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        uvs = uvs * scale @ np.array(turn) + offset
        return np.stack([uvs[:, 0], 1 - uvs[:, 1]], axis=1).astype(np.float32)

    def _read(self, found: dict[str, Any]) -> Material:
        pbr, extensions = found.get("pbrMetallicRoughness", {}), found.get("extensions", {})
        alpha_mode = {"MASK": "mask", "BLEND": "blend"}.get(found.get("alphaMode", ""), "opaque")
        see_through = alpha_mode != "opaque"
        factor, base_color_texture = _base_color(found)
        unlit = "KHR_materials_unlit" in extensions  # such a material is its base colour alone
        emissive_texture = None if unlit else found.get("emissiveTexture")
        r, g, b, a = (_clamped(value) for value in factor)
        strength = extensions.get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1)
        emissive = (0, 0, 0) if unlit else found.get("emissiveFactor", (0, 0, 0))
        er, eg, eb = (_clamped(value) * _clamped(strength, 1e6) for value in emissive)
        if _SPECULAR_GLOSSINESS in extensions:
            specular, shininess = _glossy_highlight(extensions[_SPECULAR_GLOSSINESS])
        else:
            specular, shininess = _highlight(pbr, (r, g, b))
        return Material(
            name=str(found.get("name", "")),
            base_color=(r, g, b, a if see_through else 1.0),
            base_color_texture=self._texture(base_color_texture, see_through),
            emissive=(er, eg, eb),
            emissive_texture=self._texture(emissive_texture, False),
            specular=specular,
            shininess=shininess,
            alpha_mode=alpha_mode,
            alpha_cutoff=_clamped(found.get("alphaCutoff", 0.5), 1e6),
            double_sided=bool(found.get("doubleSided", False)),
            unlit=unlit,
        )

    def _texture(self, info: dict[str, Any] | None, alpha: bool) -> Texture | None:
        if info is None or not self.document.source.textures:
            return None
        texture = self.document.item("textures", info["index"])
        pixels = self._pixels(texture, info["index"], alpha)
        if pixels is None:
            return None
        sampler = self.document.item("samplers", texture["sampler"]) if "sampler" in texture else {}
        wrap_u, wrap_v = (_WRAPS[sampler.get(axis, 10497)] for axis in ("wrapS", "wrapT"))
        nearest = sampler.get("magFilter") == _NEAREST
        return Texture(pixels, (wrap_u, wrap_v), "nearest" if nearest else "linear")

    def _pixels(self, texture: dict[str, Any], index: int, alpha: bool) -> NDArray[np.uint8] | None:
        """The first of the texture's images that can be read; None with a warning where none can."""
        extensions = texture.get("extensions", {})
        sources = [extensions[name]["source"] for name in _FORMATS if name in extensions]
        sources += [texture["source"]] if "source" in texture else []
        before = len(self.warnings)
        for source in sources:
            pixels = self._image(source, alpha)
            if pixels is not None:
                del self.warnings[before:]  # of formats that another image makes up for
                return pixels
        if not sources and "KHR_texture_basisu" in extensions:
            self.warnings.append(
                f"{self.document.source.name}: textures[{index}] is compressed by Basis Universal (KTX2), "
                "which is not read; drawn without it"
            )
        return None

    def _image(self, index: int, alpha: bool) -> NDArray[np.uint8] | None:
        """An image, or None with a warning."""
        key = index, alpha
        if key not in self._images:
            self._images[key] = self._read_image(index, alpha)
        return self._images[key]

    def _read_image(self, index: int, alpha: bool) -> NDArray[np.uint8] | None:
        found = self.document.item("images", index)
        place = f"{self.document.source.name}: the texture images[{index}]"
        try:
            if "uri" in found:
                return read_image(self.document.resource(found["uri"]), alpha=alpha)
            return read_image(bytes(self.document.buffer_view(found["bufferView"])), alpha=alpha)
        except (ImageError, MeshError) as error:
            self.warnings.append(f"{place} cannot be read ({error}); drawn without it")
            return None


def _base_color(found: dict[str, Any]) -> tuple[Sequence[float], dict[str, Any] | None]:
    """Factor and texture of a material's base colour, of the older specular-glossiness kind its diffuse."""
    older = found.get("extensions", {}).get(_SPECULAR_GLOSSINESS)
    if older is not None:
        return older.get("diffuseFactor", (1, 1, 1, 1)), older.get("diffuseTexture")
    pbr = found.get("pbrMetallicRoughness", {})
    return pbr.get("baseColorFactor", (1, 1, 1, 1)), pbr.get("baseColorTexture")


def _placement(info: dict[str, Any] | None) -> tuple[int, float, tuple[float, ...], tuple[float, ...]]:
    """Which texture coordinates a texture takes, and how it turns (radians), scales and moves them."""
    info = info or {}
    transform = info.get("extensions", {}).get(_TRANSFORM, {})
    coordinates = transform.get("texCoord", info.get("texCoord", 0))
    scale, offset = (tuple(transform.get(key, (n, n))) for key, n in (("scale", 1), ("offset", 0)))
    return coordinates, transform.get("rotation", 0), scale, offset


def _highlight(
    pbr: dict[str, Any], base_color: tuple[float, float, float]
) -> tuple[tuple[float, float, float], float]:
    """Phong's highlight that comes near a metallic-roughness material, which reflects 0.04, or if it is
    metal its base colour."""
    metallic, roughness = _clamped(pbr.get("metallicFactor", 1)), _clamped(pbr.get("roughnessFactor", 1))
    specular = [0.04 * (1 - metallic) + value * metallic for value in base_color]
    return reflected(specular, roughness), exponent_of(roughness)


def _glossy_highlight(older: dict[str, Any]) -> tuple[tuple[float, float, float], float]:
    """The same of a specular-glossiness material, whose glossiness is 1 - roughness."""
    glossiness = _clamped(older.get("glossinessFactor", 1))
    specular = [_clamped(value) for value in older.get("specularFactor", (1, 1, 1))]
    return reflected(specular, 1 - glossiness), exponent_of(1 - glossiness)


def _clamped(value: float, most: float = 1.0) -> float:
    """A number from the file, brought to [0, most]."""
    if not math.isfinite(value):
        raise ValueError(f"{value} where a number belongs")
    return min(max(float(value), 0.0), most)
