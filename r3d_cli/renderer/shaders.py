"""Shaders: fragments of meshes to pictures (N, H, W, 4)."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from r3d_cli.renderer.blending import (
    BlendParams,
    hard_rgb_blend,
    sigmoid_alpha_blend,
    softmax_rgb_blend,
)
from r3d_cli.renderer.lighting import PointLights
from r3d_cli.renderer.materials import Materials
from r3d_cli.renderer.one_pass import shade_in_one_pass
from r3d_cli.renderer.shading import flat_shading, gouraud_shading, phong_shading


class ShaderBase(nn.Module):
    """What shaders share: cameras, lights, materials and blending, each replaceable in a call.

    Args:
        device: Where default lights and materials are made.
        cameras: Where highlights are seen from; of the meshes' number, or one.
        lights: By default ``PointLights()``.
        materials: By default ``Materials()``.
        blend_params: By default ``BlendParams()``.

    A shader of one's own derives from this class and defines ``forward(fragments, meshes, **kwargs)``.

    Example:
        >>> class DepthShader(ShaderBase):
        ...     def forward(self, fragments, meshes, **kwargs):
        ...         return fragments.zbuf[..., 0]
        >>> type(DepthShader().lights).__name__
        'PointLights'
    """

    def __init__(
        self,
        device: torch.device | str = "cpu",
        cameras: Any = None,
        lights: Any = None,
        materials: Any = None,
        blend_params: BlendParams | None = None,
    ) -> None:
        super().__init__()
        self.lights = PointLights(device=device) if lights is None else lights
        self.materials = Materials(device=device) if materials is None else materials
        self.cameras = cameras
        self.blend_params = BlendParams() if blend_params is None else blend_params

    def to(self, device: torch.device | str) -> ShaderBase:  # type: ignore[override]
        """Moves cameras, lights and materials."""
        for name in ("cameras", "lights", "materials"):
            if getattr(self, name) is not None:
                setattr(self, name, getattr(self, name).to(device))
        return self

    def _get_cameras(self, **kwargs: Any) -> Any:
        """The cameras of a call, of ``forward``'s keyword arguments, or else the shader's own.

        R and T of the call are left in them, as the rasterizer leaves them in its own.

        Raises:
            ValueError: There are none.
        """
        cameras = kwargs.get("cameras", self.cameras)
        if cameras is None:
            raise ValueError(f"{type(self).__name__}: no cameras; give them when it is made or called")
        pose = {name: kwargs[name] for name in ("R", "T") if kwargs.get(name) is not None}
        if pose:
            cameras.get_world_to_view_transform(**pose)
        return cameras

    def _parts(self, meshes: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Cameras, lights and materials of a call: of the meshes' number, or one."""
        parts = {
            "cameras": self._get_cameras(**kwargs),
            "lights": kwargs.get("lights", self.lights),
            "materials": kwargs.get("materials", self.materials),
        }
        for name, part in parts.items():
            if isinstance(part, int | float | str | dict | list | tuple):
                kind = type(part).__name__
                raise ValueError(f"{type(self).__name__}: {name} must be {name.capitalize()}, got {kind}")
            if len(part) not in (1, len(meshes)):
                raise ValueError(
                    f"{type(self).__name__}: {len(part)} {name} do not fit a batch of {len(meshes)} meshes; "
                    "give one, or as many"
                )
        return parts

    def _texels(self, fragments: Any, meshes: Any) -> Tensor:  # (N, H, W, K, C)
        """The textures' colours at the fragments."""
        self._check_textures(meshes, "TexturesVertex, TexturesUV or TexturesAtlas")
        return meshes.sample_textures(fragments)

    def _check_textures(self, meshes: Any, kinds: str) -> None:
        if meshes.textures is None:
            raise ValueError(
                f"{type(self).__name__}: the meshes have no textures; set meshes.textures to {kinds}"
            )

    def _gouraud(self, fragments: Any, meshes: Any, kwargs: dict[str, Any]) -> Tensor:
        self._check_textures(meshes, "TexturesVertex")
        if not hasattr(meshes.textures, "verts_features_packed"):
            phong = type(self).__name__.replace("Gouraud", "Phong")
            raise ValueError(
                f"{type(self).__name__}: textures must be TexturesVertex, whose colours are at the vertices, "
                f"got {type(meshes.textures).__name__}; use TexturesVertex or {phong}"
            )
        return gouraud_shading(meshes, fragments, **self._parts(meshes, kwargs))

    def _blend_params(self, kwargs: dict[str, Any]) -> BlendParams:
        params = kwargs.get("blend_params", self.blend_params)
        if not hasattr(params, "background_color"):
            kind = type(params).__name__
            raise ValueError(f"{type(self).__name__}: blend_params must be BlendParams, got {kind}")
        return params

    def _depth_range(self, kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """znear and zfar, between which nearness falls from 1 to 0."""
        cameras = self._get_cameras(**kwargs)
        return (
            kwargs.get("znear", getattr(cameras, "znear", 1.0)),
            kwargs.get("zfar", getattr(cameras, "zfar", 100.0)),
        )

    def _far(self, fragments: Any, kwargs: dict[str, Any]) -> Tensor:  # (N or 1, 1, 1, 1)
        """zfar, as it goes with depths."""
        far = self._depth_range(kwargs)[1]
        far = far if isinstance(far, Tensor) else fragments.zbuf.new_tensor(far)
        return far.to(fragments.zbuf).reshape(-1, 1, 1, 1)

    def _softmax_blend(self, colors: Tensor, fragments: Any, kwargs: dict[str, Any]) -> Tensor:
        znear, zfar = self._depth_range(kwargs)
        return softmax_rgb_blend(colors, fragments, self._blend_params(kwargs), znear=znear, zfar=zfar)

    def _phong(self, fragments: Any, meshes: Any, kwargs: dict[str, Any]) -> Tensor:
        texels = self._texels(fragments, meshes)
        return phong_shading(meshes, fragments, texels=texels, **self._parts(meshes, kwargs))


class HardPhongShader(ShaderBase):
    """Phong shading of the nearest face; see `ShaderBase` for the arguments.

    Example:
        >>> from r3d_cli.renderer import (
        ...     FoVPerspectiveCameras, MeshRasterizer, MeshRenderer, TexturesVertex, look_at_view_transform
        ... )
        >>> from r3d_cli.utils import ico_sphere
        >>> sphere = ico_sphere(2)
        >>> sphere.textures = TexturesVertex(torch.ones_like(sphere.verts_padded()))
        >>> R, T = look_at_view_transform(2.7)
        >>> cameras = FoVPerspectiveCameras(R=R, T=T)
        >>> renderer = MeshRenderer(MeshRasterizer(cameras), HardPhongShader(cameras=cameras))
        >>> renderer(sphere).shape
        torch.Size([1, 256, 256, 4])
    """

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        if type(self) is HardPhongShader:  # a subclass may have changed a step
            image = shade_in_one_pass(self, fragments, meshes, kwargs)
            if image is not None:
                return image
        colors = self._phong(fragments, meshes, kwargs)
        return hard_rgb_blend(colors, fragments, self._blend_params(kwargs))


class SoftPhongShader(ShaderBase):
    """Phong shading of all faces of a pixel, blended by `softmax_rgb_blend`; arguments: `ShaderBase`.

    Example:
        >>> shader = SoftPhongShader()
        >>> shader.blend_params.sigma
        0.0001
    """

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        return self._softmax_blend(self._phong(fragments, meshes, kwargs), fragments, kwargs)


class HardGouraudShader(ShaderBase):
    """Gouraud shading of the nearest face, with `TexturesVertex`; arguments: `ShaderBase`.

    Example:
        >>> shader = HardGouraudShader()
        >>> shader.blend_params.sigma
        0.0001
    """

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        colors = self._gouraud(fragments, meshes, kwargs)
        return hard_rgb_blend(colors, fragments, self._blend_params(kwargs))


class SoftGouraudShader(ShaderBase):
    """Gouraud shading of all faces of a pixel, blended by `softmax_rgb_blend`; arguments: `ShaderBase`.

    Example:
        >>> shader = SoftGouraudShader()
        >>> shader.blend_params.sigma
        0.0001
    """

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        colors = self._gouraud(fragments, meshes, kwargs)
        return self._softmax_blend(colors, fragments, kwargs)


class HardFlatShader(ShaderBase):
    """One colour a face, of the nearest face; arguments: `ShaderBase`.

    Example:
        >>> shader = HardFlatShader()
        >>> shader.blend_params.sigma
        0.0001
    """

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        texels = self._texels(fragments, meshes)
        colors = flat_shading(meshes, fragments, texels=texels, **self._parts(meshes, kwargs))
        return hard_rgb_blend(colors, fragments, self._blend_params(kwargs))


class TexturedSoftPhongShader(SoftPhongShader):
    """`SoftPhongShader` under the name that PyTorch3D gave up.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     isinstance(TexturedSoftPhongShader(), SoftPhongShader)
        True
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            "TexturedSoftPhongShader is deprecated; use SoftPhongShader", DeprecationWarning, stacklevel=2
        )
        super().__init__(*args, **kwargs)


class HardDepthShader(ShaderBase):
    """The depth of the nearest face, (N, H, W, 1); ``zfar`` of the cameras, else 100, where there is none.

    ``zfar`` may be given in a call; the other arguments are those of `ShaderBase`.

    Example:
        >>> from r3d_cli.renderer import Fragments, FoVPerspectiveCameras
        >>> ids, z = torch.tensor([0, -1]).reshape(1, 1, 2, 1), torch.tensor([2.0, -1.0]).reshape(1, 1, 2, 1)
        >>> fragments = Fragments(ids, z, torch.ones(1, 1, 2, 1, 3) / 3, -torch.ones(1, 1, 2, 1))
        >>> HardDepthShader(cameras=FoVPerspectiveCameras())(fragments, None).flatten().tolist()
        [2.0, 100.0]
    """

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        covered = fragments.pix_to_face[..., :1] >= 0
        return torch.where(covered, fragments.zbuf[..., :1], self._far(fragments, kwargs))


class SoftDepthShader(ShaderBase):
    """A mean of the depths of a pixel's faces, (N, H, W, 1), that fades across their edges.

    From the nearest face on, each takes its probability sigmoid(-dist / sigma), as far as those before it
    leave any of the whole; the rest is ``zfar``'s. Arguments: `HardDepthShader`.

    Example:
        >>> from r3d_cli.renderer import Fragments, FoVPerspectiveCameras
        >>> one = torch.ones(1, 1, 1, 1)
        >>> on_an_edge = Fragments(one.long() * 0, 2 * one, torch.ones(1, 1, 1, 1, 3) / 3, 0 * one)
        >>> SoftDepthShader(cameras=FoVPerspectiveCameras())(on_an_edge, None).flatten().tolist()
        [51.0]
    """

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        covered = fragments.pix_to_face >= 0
        sigma = self._blend_params(kwargs).sigma
        probability = torch.where(covered, torch.sigmoid(-fragments.dists / sigma), 0)
        taken = probability.cumsum(-1).clamp(max=1)
        shares = torch.cat([taken[..., :1], taken.diff(dim=-1)], -1)
        near = (shares * fragments.zbuf).sum(-1, keepdim=True)
        return near + (1 - taken[..., -1:]) * self._far(fragments, kwargs)


class SoftSilhouetteShader(nn.Module):
    """White, with the silhouette's probability as alpha: `sigmoid_alpha_blend`.

    Args:
        blend_params: ``sigma``; by default ``BlendParams()``.

    Example:
        >>> SoftSilhouetteShader(BlendParams(sigma=1e-5)).blend_params.sigma
        1e-05
    """

    def __init__(self, blend_params: BlendParams | None = None) -> None:
        super().__init__()
        self.blend_params = BlendParams() if blend_params is None else blend_params

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        colors = fragments.bary_coords.new_ones(()).expand(fragments.bary_coords.shape)
        return sigmoid_alpha_blend(colors, fragments, kwargs.get("blend_params", self.blend_params))
