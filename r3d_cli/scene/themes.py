from dataclasses import dataclass

from r3d_cli.scene.lights import DEFAULT_LIGHTS


@dataclass(frozen=True)
class T:
    background: tuple = (1.0, 1.0, 1.0, 1.0)
    color: tuple | None = None
    lights: object = None
    wireframe: object = None
    shading: str = "phong"


THEMES = {"studio": T(lights=DEFAULT_LIGHTS)}
