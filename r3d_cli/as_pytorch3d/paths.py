"""Where PyTorch3D keeps what, and what of it r3d has not."""

from __future__ import annotations

from functools import cache

NAME = "pytorch3d"
VERSION = "0.7.9"

GROUPS = (
    "common",
    "datasets",
    "io",
    "loss",
    "ops",
    "renderer",
    "structures",
    "transforms",
    "utils",
    "vis",
)

#: Where PyTorch3D keeps what its groups export. Any name of the group is found in each of its submodules.
SUBMODULES = {
    "common": "compat datatypes linear_with_repeat workaround.symeig3x3 workaround.utils",
    "datasets": "r2n2.r2n2 r2n2.utils shapenet.shapenet_core shapenet_base utils",
    "io": "experimental_gltf_io mtl_io obj_io off_io pluggable pluggable_formats ply_io utils",
    "loss": "chamfer mesh_edge_loss mesh_laplacian_smoothing mesh_normal_consistency point_mesh_distance",
    "ops": (
        "ball_query cameras_alignment cubify graph_conv interp_face_attrs iou_box3d knn laplacian_matrices "
        "marching_cubes mesh_face_areas_normals mesh_filtering packed_to_padded perspective_n_points "
        "points_alignment points_normals points_to_volumes sample_farthest_points sample_points_from_meshes "
        "subdivide_meshes utils vert_align"
    ),
    "renderer": (
        "blending camera_conversions camera_utils cameras compositing fisheyecameras "
        "implicit.harmonic_embedding implicit.raymarching implicit.raysampling implicit.renderer "
        "implicit.sample_pdf implicit.utils lighting materials mesh.clip mesh.rasterize_meshes "
        "mesh.rasterizer mesh.renderer mesh.shader mesh.shading mesh.textures mesh.utils points.compositor "
        "points.pulsar.renderer points.pulsar.unified points.rasterize_points points.rasterizer "
        "points.renderer splatter_blend utils"
    ),
    "structures": "meshes pointclouds utils volumes",
    "transforms": "math rotation_conversions se3 so3 transform3d",
    "utils": "camera_conversions checkerboard ico_sphere torus",
    "vis": "plotly_vis texture_vis",
}

#: Submodules whose package exports a function of the same name: there the name is the function's alone.
FUNCTIONS = frozenset(
    {
        *(f"loss.mesh_{name}" for name in ("edge_loss", "laplacian_smoothing", "normal_consistency")),
        "ops.ball_query",
        "ops.cubify",
        "ops.marching_cubes",
        "ops.mesh_face_areas_normals",
        "ops.packed_to_padded",
        "ops.sample_farthest_points",
        "ops.sample_points_from_meshes",
        "ops.vert_align",
        "renderer.mesh.rasterize_meshes",
        "renderer.points.rasterize_points",
        "utils.checkerboard",
        "utils.ico_sphere",
        "utils.torus",
    }
)

#: What r3d is to have and lacks so far. A name that r3d exports is found whether it stands here or not.
NOT_YET = {
    "datasets": (
        "BlenderCamera R2N2 ShapeNetBase ShapeNetCore collate_batched_R2N2 collate_batched_meshes "
        "render_cubified_voxels"
    ),
    "loss": (
        "chamfer_distance edge_point_distance face_point_distance point_edge_distance point_face_distance "
        "point_mesh_edge_distance point_mesh_face_distance"
    ),
    "ops": (
        "GraphConv ICPSolution SimilarityTransform SubdivideMeshes add_pointclouds_to_volumes "
        "add_points_features_to_volume_densities_features ball_query box3d_overlap "
        "corresponding_cameras_alignment corresponding_points_alignment cubify efficient_pnp "
        "gather_scatter iterative_closest_point knn_gather knn_points marching_cubes sample_farthest_points "
        "sample_points_from_meshes taubin_smoothing vert_align"
    ),
    "renderer": (
        "AbsorptionOnlyRaymarcher AlphaCompositor EmissionAbsorptionRaymarcher GridRaysampler "
        "HarmonicEmbedding HeterogeneousRayBundle ImplicitRenderer MonteCarloRaysampler "
        "MultinomialRaysampler NDCGridRaysampler NDCMultinomialRaysampler NormWeightedCompositor "
        "PointsRasterizationSettings PointsRasterizer PointsRenderer PulsarPointsRenderer RayBundle "
        "VolumeRenderer VolumeSampler alpha_composite norm_weighted_sum rasterize_points "
        "ray_bundle_to_ray_points ray_bundle_variables_to_ray_points sample_pdf weighted_sum"
    ),
}

_CLIPPING = "r3d's rasterizer clips faces itself; MeshRasterizer takes z_clip_value and cull_to_frustum"
_OPENGL = "r3d does not draw through OpenGL; use MeshRasterizer"
_SLOW = "it is PyTorch3D's slow reference; use the function without _python"

#: What r3d leaves out on purpose, and what to do about it.
LEFT_OUT = {
    "ClipFrustum": _CLIPPING,
    "ClippedFaces": _CLIPPING,
    "EGLContext": _OPENGL,
    "MeshRasterizerOpenGL": _OPENGL,
    "TexturedSoftPhongShader": "PyTorch3D deprecated it; use SoftPhongShader",
    "_C": "it is PyTorch3D's compiled module, whose functions pytorch3d.ops and pytorch3d.renderer offer",
    "clip_faces": _CLIPPING,
    "convert_clipped_rasterization_to_original_faces": _CLIPPING,
    "implicitron": "it is a framework of its own on top of PyTorch3D",
    "interpolate_face_attributes_python": _SLOW,
    "opengl": _OPENGL,
    "rasterize_meshes_python": _SLOW,
    "rasterize_points_python": _SLOW,
}


@cache
def paths() -> frozenset[str]:
    """All dotted paths below ``pytorch3d``, with the packages between."""
    found = {f"{group}.{path}" for group, below in SUBMODULES.items() for path in below.split()}
    while parents := {path.rpartition(".")[0] for path in found} - found - {""}:
        found |= parents
    return frozenset(found | set(GROUPS))
