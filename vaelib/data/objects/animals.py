"""Bird, cat, deer, dog, frog and horse: one function draws a class, with one more for each larger part.

The bird, the deer and the horse face right, and the scene's pose mirrors half of them; the cat, the dog and the frog
look at us, and what comes in pairs is drawn once, in coordinates folded along the vertical axis. y points down.
"""

from __future__ import annotations

from torch import Tensor

from .backgrounds import backdrop, ground
from .palettes import (
    BARK,
    BEAK,
    BLACK,
    BONE,
    CAT_EYES,
    COLLAR,
    DEER_COAT,
    FROG_EYES,
    FROG_SKIN,
    FUR,
    GRASS,
    HORSE_COAT,
    PINK,
    PLUMAGE,
    POND,
    ROOM,
    SKY,
    TONGUE,
    WHITE,
    grey,
)
from .scene import Scene
from .shapes import Point, Position, box, capsule, ellipse, mirrored, polygon, union


def bird(scene: Scene) -> None:
    """A songbird before a sky or leaves, some on a branch."""
    backdrop(scene, SKY + GRASS, roughness=0.14)
    p = scene.pose(turn=0.3, size=(0.8, 1.1))
    colour, belly = scene.colour(PLUMAGE), scene.colour(FUR)
    scene.paint(capsule(p, (-1.5, 0.66), (1.5, 0.60), 0.06), BARK, opacity=scene.chance(0.5))
    legs = union(capsule(p, (-0.05, 0.25), (-0.03, 0.62), 0.03), capsule(p, (0.10, 0.25), (0.14, 0.60), 0.03))
    scene.paint(legs, grey(0.25))
    _plumage(scene, p, colour, belly)
    scene.paint(polygon(p, (0.50, -0.43), (0.78, -0.30), (0.50, -0.25)), BEAK)
    scene.paint(ellipse(p, (0.42, -0.37), (0.05, 0.05)), BLACK)


def _plumage(scene: Scene, p: Point, colour: Tensor, belly: Tensor) -> None:
    """Tail, body with head, the lighter belly, and the wing folded over it."""
    scene.paint(polygon(p, (-0.25, 0.18), (-0.95, 0.20), (-0.90, 0.02), (-0.25, 0)), colour * 0.7)
    body = union(ellipse(p, (-0.08, 0.08), (0.46, 0.27), tilt=-0.25), capsule(p, (0.18, -0.06), (0.38, -0.32), 0.18))
    scene.paint(body, colour, shade=-0.5 * p[1])
    scene.paint(ellipse(p, (0.10, 0.18), (0.28, 0.15), tilt=-0.3), belly, opacity=0.8, blur=0.03)
    scene.paint(capsule(p, (-0.02, 0.02), (-0.52, 0.10), 0.15, 0.04), colour * 0.6)


def cat(scene: Scene) -> None:
    """A cat that sits and looks at us, its tail curled up at one side."""
    backdrop(scene, ROOM + GRASS)
    p = scene.pose(turn=0.2, size=(0.9, 1.15))
    fur = scene.colour(FUR)
    coat = scene.noise(cells=14, amplitude=0.12) - 0.25 * p[1]
    _sitting_body(scene, p, fur, coat)
    _cat_head(scene, p, fur, coat)
    _cat_face(scene, p)


def _sitting_body(scene: Scene, p: Point, fur: Tensor, coat: Tensor) -> None:
    """The tail, then the body with its paler breast."""
    tail = union(capsule(p, (0.40, 0.95), (0.78, 0.72), 0.09), capsule(p, (0.78, 0.72), (0.80, 0.36), 0.09, 0.06))
    scene.paint(tail, fur * 0.75, shade=coat)
    scene.paint(ellipse(p, (0, 0.82), (0.55, 0.52)), fur * 0.85, shade=coat)
    scene.paint(ellipse(p, (0, 0.72), (0.20, 0.34)), fur * 0.6 + 0.35, opacity=scene.chance(0.6), blur=0.03)


def _cat_head(scene: Scene, p: Point, fur: Tensor, coat: Tensor) -> None:
    """Pointed ears and a round head; half of the cats are striped on the forehead."""
    folded = mirrored(p)
    scene.paint(polygon(folded, (0.10, -0.30), (0.46, -0.80), (0.57, -0.08)), fur * 0.9, shade=coat)
    scene.paint(polygon(folded, (0.27, -0.40), (0.44, -0.64), (0.49, -0.22)), PINK)
    forehead = (-8 * (p[1] + 0.1)).clamp(0, 1)
    stripes = 0.3 * scene.chance(0.5) * forehead * (22 * folded[0]).sin()
    scene.paint(ellipse(p, (0, 0), (0.56, 0.47)), fur, shade=coat + stripes)
    scene.paint(ellipse(folded, (0.11, 0.22), (0.15, 0.12)), fur * 0.6 + 0.35, blur=0.02)


def _cat_face(scene: Scene, p: Point) -> None:
    """Eyes with upright pupils, nose, mouth and whiskers."""
    folded = mirrored(p)
    scene.paint(ellipse(folded, (0.24, -0.06), (0.13, 0.105)), scene.colour(CAT_EYES))
    scene.paint(ellipse(folded, (0.24, -0.06), (0.04, 0.095)), BLACK)
    scene.paint(polygon(p, (-0.08, 0.11), (0.08, 0.11), (0, 0.21)), PINK * 0.9)
    whiskers = union(
        capsule(folded, (0.16, 0.20), (0.66, 0.10), 0.012), capsule(folded, (0.16, 0.26), (0.66, 0.32), 0.012)
    )
    scene.paint(whiskers, WHITE)


def dog(scene: Scene) -> None:
    """A dog that sits and looks at us, with hanging ears and a long muzzle; some pant."""
    backdrop(scene, ROOM + GRASS)
    p = scene.pose(turn=0.25, size=(0.9, 1.15))
    fur = scene.colour(FUR)
    coat = scene.noise(cells=14, amplitude=0.12) - 0.25 * p[1]
    scene.paint(ellipse(p, (0, 0.85), (0.55, 0.50)), fur * 0.85, shade=coat)
    scene.paint(ellipse(p, (0, 0.42), (0.34, 0.12)), COLLAR, opacity=scene.chance(0.5))
    _dog_head(scene, p, fur, coat)
    _dog_face(scene, p)


def _dog_head(scene: Scene, p: Point, fur: Tensor, coat: Tensor) -> None:
    """The skull, some with a blaze, the muzzle, and an ear hanging at each side."""
    pale = fur * 0.6 + 0.35
    scene.paint(ellipse(p, (0, -0.08), (0.45, 0.49)), fur, shade=coat)
    scene.paint(capsule(p, (0, -0.5), (0, 0.1), 0.07, 0.14), pale, opacity=scene.chance(0.4))
    scene.paint(ellipse(mirrored(p), (0.51, 0), (0.16, 0.40), tilt=-0.2), fur * 0.55, shade=coat)
    scene.paint(ellipse(p, (0, 0.22), (0.25, 0.24)), pale, shade=coat)


def _dog_face(scene: Scene, p: Point) -> None:
    """Round dark eyes with a glint, the tongue, the mouth, and a broad black nose."""
    folded = mirrored(p)
    scene.paint(ellipse(folded, (0.20, -0.14), (0.085, 0.09)), BLACK)
    scene.paint(ellipse(folded, (0.18, -0.17), (0.028, 0.028)), WHITE)
    scene.paint(capsule(p, (0, 0.36), (0, 0.48), 0.09), TONGUE, opacity=scene.chance(0.5))
    scene.paint(capsule(folded, (0, 0.34), (0.14, 0.29), 0.02), grey(0.12))
    scene.paint(ellipse(p, (0, 0.12), (0.13, 0.09)), BLACK)


def frog(scene: Scene) -> None:
    """A frog that crouches and looks at us, its eyes on top of its head."""
    backdrop(scene, POND, roughness=0.17)
    p = scene.pose(turn=0.2, size=(0.85, 1.1))
    skin = scene.colour(FROG_SKIN)
    mottled = scene.noise(cells=8, amplitude=0.22) - 0.3 * p[1]
    _frog_body(scene, p, skin, mottled)
    _frog_eyes(scene, p, skin, mottled)
    _frog_mouth(scene, p, skin)


def _frog_body(scene: Scene, p: Point, skin: Tensor, mottled: Tensor) -> None:
    """Thighs, trunk and pale belly; forelegs with spread toes."""
    folded = mirrored(p)
    thighs = union(
        ellipse(folded, (0.56, 0.34), (0.28, 0.20), tilt=-0.5), capsule(folded, (0.55, 0.56), (0.85, 0.58), 0.05)
    )
    forelegs = union(
        capsule(folded, (0.36, 0.36), (0.42, 0.60), 0.08), capsule(folded, (0.34, 0.64), (0.54, 0.64), 0.045)
    )
    scene.paint(thighs, skin * 0.75, shade=mottled)
    scene.paint(ellipse(p, (0, 0.18), (0.58, 0.42)), skin, shade=mottled)
    scene.paint(ellipse(p, (0, 0.40), (0.36, 0.20)), skin * 0.6 + 0.35, opacity=0.8, blur=0.05)
    scene.paint(forelegs, skin * 0.8)


def _frog_eyes(scene: Scene, p: Point, skin: Tensor, mottled: Tensor) -> None:
    """Two bulges on top of the head, and in them the eyes."""
    folded = mirrored(p)
    scene.paint(ellipse(folded, (0.30, -0.24), (0.19, 0.19)), skin, shade=mottled)
    scene.paint(ellipse(folded, (0.30, -0.26), (0.12, 0.12)), scene.colour(FROG_EYES))
    scene.paint(ellipse(folded, (0.30, -0.26), (0.075, 0.06)), BLACK)


def _frog_mouth(scene: Scene, p: Point, skin: Tensor) -> None:
    """A wide arc from cheek to cheek."""
    x, y = p
    arc = (x, y + 0.55 * x.square())
    scene.paint(box(arc, (0, 0.21), (0.42, 0.02)), skin * 0.3)


def deer(scene: Scene) -> None:
    """A slender deer in the grass, most with antlers."""
    _meadow(scene)
    p = scene.pose(turn=0.06, size=(0.9, 1.1))
    coat = scene.colour(DEER_COAT)
    head = (scene.uniform(0.44, 0.56), scene.uniform(-0.46, -0.34))
    _legs(scene, p, coat, hips=(-0.38, 0.26), thickness=0.065)
    _antlers(scene, p, head)
    _deer_trunk(scene, p, coat, head)
    _deer_head(scene, p, coat, head)


def _deer_trunk(scene: Scene, p: Point, coat: Tensor, head: Position) -> None:
    """Body and neck, white below and at the tail."""
    trunk = union(
        capsule(p, (-0.34, 0.02), (0.26, 0.02), 0.18, 0.19),
        capsule(p, (0.28, -0.02), head, 0.15, 0.075),
    )
    scene.paint(trunk, coat, shade=-0.3 * p[1] + scene.noise(cells=10, amplitude=0.08))
    scene.paint(capsule(p, (-0.26, 0.16), (0.20, 0.17), 0.04), WHITE, opacity=0.6, blur=0.02)
    scene.paint(ellipse(p, (-0.54, -0.04), (0.07, 0.11), tilt=0.3), WHITE)


def _deer_head(scene: Scene, p: Point, coat: Tensor, head: Position) -> None:
    """A narrow head with a long ear turned backwards, an eye and a dark nose."""
    x, y = head
    scene.paint(ellipse(p, (x - 0.12, y - 0.07), (0.12, 0.05), tilt=0.35), coat * 0.75)
    scene.paint(capsule(p, head, (x + 0.22, y + 0.11), 0.095, 0.05), coat)
    scene.paint(ellipse(p, (x + 0.24, y + 0.12), (0.035, 0.035)), BLACK)
    scene.paint(ellipse(p, (x + 0.05, y - 0.01), (0.03, 0.03)), BLACK)


def _antlers(scene: Scene, p: Point, head: Position) -> None:
    """Two beams that curve up and forwards, each with a tine."""
    x, y = head
    near = union(
        capsule(p, (x, y - 0.06), (x - 0.14, y - 0.24), 0.03),
        capsule(p, (x - 0.14, y - 0.24), (x - 0.10, y - 0.48), 0.03, 0.02),
        capsule(p, (x - 0.14, y - 0.24), (x - 0.28, y - 0.38), 0.025),
    )
    far = union(
        capsule(p, (x + 0.02, y - 0.06), (x + 0.14, y - 0.24), 0.03),
        capsule(p, (x + 0.14, y - 0.24), (x + 0.12, y - 0.48), 0.03, 0.02),
        capsule(p, (x + 0.14, y - 0.24), (x + 0.28, y - 0.36), 0.025),
    )
    scene.paint(union(near, far), BONE, opacity=scene.chance(0.75))


def horse(scene: Scene) -> None:
    """A strong horse in the grass, with mane and tail of another shade."""
    _meadow(scene)
    p = scene.pose(turn=0.06, size=(0.9, 1.1))
    coat = scene.colour(HORSE_COAT)
    hair = coat * scene.uniform(0.25, 0.55).unsqueeze(1)
    head = (scene.uniform(0.50, 0.60), scene.uniform(-0.58, -0.44))
    _horse_tail(scene, p, hair)
    _legs(scene, p, coat, hips=(-0.38, 0.28), thickness=0.10)
    _horse_trunk(scene, p, coat, head)
    _horse_head(scene, p, coat, head)
    _mane(scene, p, hair, head)


def _horse_tail(scene: Scene, p: Point, hair: Tensor) -> None:
    tail = union(
        capsule(p, (-0.54, -0.10), (-0.72, 0.06), 0.06),
        capsule(p, (-0.72, 0.06), (-0.74, 0.44), 0.08, 0.05),
    )
    scene.paint(tail, hair)


def _horse_trunk(scene: Scene, p: Point, coat: Tensor, head: Position) -> None:
    """A barrel of a body and a neck that is broad at the chest."""
    trunk = union(
        capsule(p, (-0.34, 0), (0.26, 0.02), 0.24, 0.23),
        capsule(p, (0.28, -0.04), head, 0.21, 0.10),
    )
    scene.paint(trunk, coat, shade=-0.4 * p[1] - 0.08 + scene.noise(cells=10, amplitude=0.08))


def _horse_head(scene: Scene, p: Point, coat: Tensor, head: Position) -> None:
    """A long head that points forwards and down, an upright ear, an eye and the dark muzzle."""
    x, y = head
    muzzle = (x + 0.24, y + 0.24)
    scene.paint(polygon(p, (x - 0.10, y - 0.04), (x - 0.03, y - 0.20), (x + 0.04, y - 0.04)), coat)
    scene.paint(capsule(p, head, muzzle, 0.11, 0.075), coat)
    scene.paint(ellipse(p, muzzle, (0.07, 0.06)), coat * 0.5)
    scene.paint(ellipse(p, (x + 0.06, y + 0.01), (0.03, 0.03)), BLACK)


def _mane(scene: Scene, p: Point, hair: Tensor, head: Position) -> None:
    """Hair along the crest of the neck, down to the shoulder."""
    x, y = head
    scene.paint(capsule(p, (0.16, -0.20), (x - 0.10, y - 0.04), 0.09, 0.06), hair)


def _meadow(scene: Scene) -> None:
    backdrop(scene, GRASS + SKY, roughness=0.14)
    ground(scene, GRASS, horizon=scene.uniform(0, 0.5))


def _legs(scene: Scene, p: Point, coat: Tensor, hips: tuple[float, float], thickness: float) -> None:
    """Four tapering legs under the two `hips`, in mid-stride, with dark hooves; those on the far side are darker."""
    stride = scene.uniform(-0.12, 0.12)
    dark_below = -1.5 * (p[1] - 0.55).clamp(0)
    for inwards, shade, step in ((0.11, 0.65, stride), (0.0, 0.9, -stride)):
        legs = (_leg(p, hip + inwards * side, step, thickness) for hip, side in zip(hips, (1, -1), strict=True))
        scene.paint(union(*legs), coat * shade, shade=dark_below)


def _leg(p: Point, hip: float, step: Tensor, thickness: float) -> Tensor:
    return capsule(p, (hip, 0.10), (hip + step, 0.74), thickness, 0.45 * thickness)
