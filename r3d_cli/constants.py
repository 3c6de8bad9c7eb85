"""Numerical limits and epsilons: their only home.

Every entry of ``DEFINES`` reaches the kernels as a ``-D`` definition: CMake reads this file when it builds
the CPU module, and ``backend.sources`` passes the same list to NVRTC and to the emulation. The module must
stay free of imports: the build runs it as a script.
"""

#: Version of the package.
VERSION = "0.1.0"

#: Name -> value of every constant that kernels see (as ``-DNAME=value``).
DEFINES = {
    # Smallest magnitude of a denominator (depth, area, squared length): below it a quotient is taken with
    # this value and the sign of the denominator, so that values and gradients stay finite. Normal in float32.
    "R3D_TINY": "1e-37f",
    # The same where kernels compute in double.
    "R3D_TINY_DOUBLE": "1e-300",
    # PyTorch3D's floor of the sum by which clipped barycentric coordinates are divided again.
    "R3D_CLIP_BARY_FLOOR": "1e-5f",
    # A face whose farthest vertex is nearer than this (view depth) lies behind the camera.
    "R3D_MIN_DEPTH": "1e-8f",
    # Edges from in front of a perspective camera to behind it are cut at this share of their own extent
    # (within a factor of two) in front of the camera: no plane that a caller gives cuts nearer.
    "R3D_NEAREST_CUT": "1e-6f",
    # Up to this many faces a pixel are kept sorted by insertion, more in a heap.
    "R3D_INSERTION_LIMIT": "32",
    # A tile that more elements than this may touch is shared by several blocks of a GPU.
    "R3D_LONG_LIST": "4096",
    # An edge function nearer to zero than this is decided exactly. NDC^2.
    "R3D_UNDECIDED": "1e-30f",
    # Faces with an NDC coordinate beyond this are evaluated in double: float products would overflow.
    "R3D_WILD_COORDINATE": "1e9f",
    # What one pixel may add to a gradient, on faces whose true gradient overflows: its square is finite.
    "R3D_GRADIENT_LIMIT": "1e18f",
    # How far outside the way between two pixel centres a silhouette may cross it, by rounding; pixels.
    "R3D_CROSSING_SLACK": "1e-3f",
    # Faces that antialias follows from one pixel centre to the next before it gives up.
    "R3D_WALK_LIMIT": "256",
}

#: Default bound of the rasterizer's tile lists, bytes.
WORKSPACE_BUDGET = 256 * 2**20

#: The number of DEFINES.
LONG_LIST = int(DEFINES["R3D_LONG_LIST"])

#: Bytes of dead host arrays whose memory is kept for new ones, and the size from which they are.
KEPT_MEMORY = 256 * 2**20
SMALLEST_KEPT = 2**20

#: A mesh batch may not hold more faces or vertices than this: ids inside kernels are 32 bits wide.
MAX_PACKED = 2**31 - 1

#: Largest image side the rasterizer takes, pixels.
MAX_IMAGE_SIDE = 32768

#: One turn of a turntable film: a frame every 10 degrees, which the eye still joins, twelve a second: a
#: GIF of spot at 512 x 512 has about a megabyte. MP4 compresses motion: twice the frames cost it little.
TURNTABLE_FRAMES = 36
TURNTABLE_SECONDS = 3.0

#: Where the camera stands when nobody says: a three-quarter view, and the field of view over the picture's
#: shorter side; degrees.
AZIMUTH = 30.0
ELEVATION = 20.0
FOV = 35.0

#: Views by name: azimuth and elevation, degrees. Azimuth 0 is +Z with y up, where glTF's models face, and -Y
#: with z up, where CAD's do; "iso" sees the three axes at equal angles.
NAMED_VIEWS = {
    "front": (0.0, 0.0),
    "back": (180.0, 0.0),
    "left": (-90.0, 0.0),
    "right": (90.0, 0.0),
    "top": (0.0, 90.0),
    "bottom": (0.0, -90.0),
    "iso": (45.0, 35.264389682754654),  # atan(1 / sqrt(2))
}

if __name__ == "__main__":
    print(";".join(f"{name}={value}" for name, value in DEFINES.items()))
