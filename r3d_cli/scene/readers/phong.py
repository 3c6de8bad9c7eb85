"""Phong's highlight of a roughness: what MTL's exponents and glTF's microfacets have in common."""

from __future__ import annotations

from collections.abc import Sequence

from r3d_cli.scene.model import Material

#: The exponents of MTL files go from 0, the roughest, to this, a mirror.
MTL_EXPONENTS = 1000.0


def roughness_of(exponent: float) -> float:
    """The roughness, 0 to 1, that an MTL file's exponent ``Ns`` stands for.

    The scale is Blender's, whose exporter writes (1 - roughness)^2 * 1000. Taken by the letter, as the power
    of a cosine, the 0 that many exporters write for "no highlight" would be one that covers everything.
    """
    return 1.0 - (min(max(exponent, 0.0), MTL_EXPONENTS) / MTL_EXPONENTS) ** 0.5


def exponent_of(roughness: float) -> float:
    """Phong's exponent for a highlight as wide as the microfacets' of a roughness (2 / roughness^4 - 2)."""
    return min(max(2 / max(roughness, 0.1) ** 4 - 2, 1.0), 1000.0)


def reflected(specular: Sequence[float], roughness: float) -> tuple[float, float, float]:
    """Phong's specular colour of a surface of glTF that reflects so much (linear light): it fades with
    roughness, which spreads the highlight's energy."""
    r, g, b = (value * (1 - roughness) for value in specular)
    return r, g, b


def matted(specular: Sequence[float], roughness: float) -> tuple[float, float, float]:
    """Phong's specular colour of an MTL file's Ks (linear light), which is bright by default.

    The light in a highlight goes with strength / exponent. A rough one gets no more of it than a sharp one:
    at an exponent of 100 and above the file's colour stands, below it fades, to nothing where all is rough.
    """
    fading = min(max(2 / max(roughness, 0.1) ** 4 - 2, 0.0) / 100, 1.0)
    r, g, b = (value * fading for value in specular)
    return r, g, b


def is_mirror(material: Material) -> bool:
    """Whether a surface is all but black without the surroundings that it would reflect, which are not
    drawn."""
    return material.base_color_texture is None and max(material.specular) > max(material.base_color[:3])
