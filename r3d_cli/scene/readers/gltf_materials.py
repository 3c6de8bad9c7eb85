"""Materials and textures of glTF 2.0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.model import Material, MeshError, Texture
from r3d_cli.scene.readers.gltf_document import GltfDocument
from r3d_cli.scene.readers.images import ImageError, read_image

_WRAPS = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_NEAREST = 9728


class GltfMaterials:
    """The materials of a document, each read once."""

    def __init__(self, document: GltfDocument) -> None:
        self.document = document
        self.warnings: list[str] = []
        self._materials: dict[int, Material] = {}
        self._images: dict[tuple[int, bool], NDArray[np.uint8] | None] = {}

    def material(self, index: int) -> Material:
        if index not in self._materials:
            self._materials[index] = self._read(self.document.item("materials", index))
        return self._materials[index]

    def uvs(
        self, index: int | None, attributes: dict[str, int], num_verts: int
    ) -> NDArray[np.float32] | None:  # (V, 2)
        """Texture coordinates, v up, as a material's base colour or else its emissive texture places them."""
        found = {} if index is None else self.document.item("materials", index)
        base_color = found.get("pbrMetallicRoughness", {}).get("baseColorTexture")
        info = base_color or found.get("emissiveTexture") or {}
        transform = info.get("extensions", {}).get("KHR_texture_transform", {})
        name = f"TEXCOORD_{transform.get('texCoord', info.get('texCoord', 0))}"
        if name not in attributes:
            return None
        uvs = self.document.floats(attributes[name], (2,), num_verts)
        if transform:
            angle = transform.get("rotation", 0)
            turn = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
            uvs = uvs * transform.get("scale", (1, 1)) @ np.array(turn) + transform.get("offset", (0, 0))
        return np.stack([uvs[:, 0], 1 - uvs[:, 1]], axis=1).astype(np.float32)

    def _read(self, found: dict[str, Any]) -> Material:
        pbr, extensions = found.get("pbrMetallicRoughness", {}), found.get("extensions", {})
        alpha_mode = {"MASK": "mask", "BLEND": "blend"}.get(found.get("alphaMode", ""), "opaque")
        see_through = alpha_mode != "opaque"
        r, g, b, a = (_clamped(value) for value in pbr.get("baseColorFactor", (1, 1, 1, 1)))
        strength = extensions.get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1)
        er, eg, eb = (
            _clamped(value) * _clamped(strength, 1e6) for value in found.get("emissiveFactor", (0, 0, 0))
        )
        specular, shininess = _highlight(pbr, (r, g, b))
        return Material(
            name=str(found.get("name", "")),
            base_color=(r, g, b, a if see_through else 1.0),
            base_color_texture=self._texture(pbr.get("baseColorTexture"), see_through),
            emissive=(er, eg, eb),
            emissive_texture=self._texture(found.get("emissiveTexture"), False),
            specular=specular,
            shininess=shininess,
            alpha_mode=alpha_mode,
            alpha_cutoff=_clamped(found.get("alphaCutoff", 0.5), 1e6),
            double_sided=bool(found.get("doubleSided", False)),
            unlit="KHR_materials_unlit" in extensions,
        )

    def _texture(self, info: dict[str, Any] | None, alpha: bool) -> Texture | None:
        if info is None or not self.document.source.textures:
            return None
        texture = self.document.item("textures", info["index"])
        image = texture.get("extensions", {}).get("EXT_texture_webp", texture).get("source")
        pixels = None if image is None else self._image(image, alpha)
        if pixels is None:
            return None
        sampler = self.document.item("samplers", texture["sampler"]) if "sampler" in texture else {}
        wrap_u, wrap_v = (_WRAPS[sampler.get(axis, 10497)] for axis in ("wrapS", "wrapT"))
        nearest = sampler.get("magFilter") == _NEAREST
        return Texture(pixels, (wrap_u, wrap_v), "nearest" if nearest else "linear")

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


def _highlight(
    pbr: dict[str, Any], base_color: tuple[float, float, float]
) -> tuple[tuple[float, float, float], float]:
    """Phong's specular colour and exponent that come near a metallic-roughness material.

    The exponent has the width of the microfacet distribution (2 / roughness^4 - 2); the colour, 0.04 for
    dielectrics and the base colour for metals, fades with roughness, which spreads the highlight's energy.
    """
    metallic, roughness = _clamped(pbr.get("metallicFactor", 1)), _clamped(pbr.get("roughnessFactor", 1))
    r, g, b = ((0.04 * (1 - metallic) + value * metallic) * (1 - roughness) for value in base_color)
    return (r, g, b), min(max(2 / max(roughness, 0.1) ** 4 - 2, 1.0), 1000.0)


def _clamped(value: float, most: float = 1.0) -> float:
    """A number from the file, brought to [0, most]."""
    if not math.isfinite(value):
        raise ValueError(f"{value} where a number belongs")
    return min(max(float(value), 0.0), most)
