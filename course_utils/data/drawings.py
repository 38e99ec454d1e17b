"""Paint cats, dogs, foxes, airplanes and automobiles from a seed.

Every picture is a stack of shapes, each one a formula for the distance to
its outline, so that edges are smooth at any size and a whole batch is
painted at once.  Only + - * / and square roots of 32-bit numbers and an
integer hash are used: these are exact in IEEE arithmetic, so every machine
paints the same bytes.
"""

import math
from types import SimpleNamespace

import numpy as np

CLASS_NAMES = ("cat", "dog", "fox", "airplane", "automobile")

# What each animal looks like: ranges in units of half a head.  They overlap.
TRAITS = {
    #                cat             dog             fox
    "head_width": ((0.86, 1.06), (0.80, 1.02), (0.80, 0.98)),
    "head_height": ((0.78, 0.92), (0.80, 0.96), (0.74, 0.88)),
    "cheek_out": ((0.90, 1.18), (0.72, 1.06), (1.05, 1.40)),
    "cheek_down": ((0.30, 0.50), (0.35, 0.60), (0.35, 0.60)),
    "ear_apart": ((0.50, 0.66), (0.48, 0.64), (0.50, 0.64)),
    "ear_length": ((0.76, 1.08), (0.78, 1.12), (1.00, 1.40)),
    "ear_width": ((0.31, 0.43), (0.29, 0.42), (0.33, 0.46)),
    "ear_out": ((0.06, 0.40), (0.00, 0.40), (0.10, 0.42)),
    "ear_bulge": ((0.10, 0.80), (0.20, 1.00), (0.20, 0.90)),
    "muzzle_length": ((0.14, 0.36), (0.22, 0.52), (0.42, 0.70)),
    "muzzle_base": ((0.32, 0.42), (0.34, 0.44), (0.32, 0.42)),
    "muzzle_tip": ((0.23, 0.33), (0.22, 0.33), (0.12, 0.20)),
    "eye_apart": ((0.36, 0.46), (0.33, 0.43), (0.35, 0.45)),
    "eye_size": ((0.14, 0.20), (0.12, 0.18), (0.12, 0.17)),
    "eye_height": ((0.75, 1.00), (0.80, 1.05), (0.60, 0.80)),
    "eye_slant": ((0.00, 0.30), (-0.15, 0.20), (0.15, 0.45)),
    "nose_width": ((0.11, 0.17), (0.14, 0.22), (0.11, 0.16)),
    "tail_middle": ((0.07, 0.14), (0.07, 0.17), (0.16, 0.26)),
    "tail_tip": ((0.06, 0.10), (0.03, 0.07), (0.03, 0.07)),
    "leg_length": ((0.42, 0.56), (0.46, 0.66), (0.44, 0.58)),
}

CHANCES = {
    #              cat   dog   fox
    "floppy": (0.00, 0.40, 0.00),
    "folded": (0.20, 0.22, 0.00),
    "light_face": (0.36, 0.38, 0.85),
    "blaze": (0.26, 0.28, 0.06),
    "dark_muzzle": (0.18, 0.22, 0.00),
    "dark_ears": (0.30, 0.35, 0.55),
    "stripes": (0.35, 0.04, 0.01),
    "patch": (0.20, 0.25, 0.00),
    "tear_line": (0.04, 0.06, 0.45),
    "whiskers": (0.95, 0.02, 0.25),
    "pink_nose": (0.40, 0.08, 0.03),
    "slit_pupil": (0.75, 0.00, 0.35),
    "light_tip": (0.22, 0.25, 0.85),
    "dark_legs": (0.18, 0.20, 0.55),
    "tongue": (0.00, 0.25, 0.04),
}


def _palette(colours):
    """Read hexadecimal colors: floats of shape (3, colors, 1, 1, 1)."""
    table = np.array([list(bytes.fromhex(c)) for c in colours.split()])
    return (table.T[..., None, None, None] / 255).astype(np.float32)


FURS = _palette(
    "e0802e cc6624 eba861 bd8c59 784f33 949194 666973 383336 ede8e0 e6cca3"
)

IRISES = _palette("8cb840 e6b833 cc8526 734724 4c301f 66a6d9")
GROUNDS = _palette("6b9e47 99b861 b89466 85664c 9e9ea3 e0e0e6 c77042 596170")

WALLS = _palette(
    "99ccf0 d1e6f2 5c8557 f0dbb8 cc8f70 94809e 7599a8 e6ad6b 4c4c57"
)

ANY = np.concatenate([WALLS, GROUNDS], 1)
PAINTS = _palette("d12e29 2966b8 f2c233 338f66 ededf0 a8adb8 333640 e68033")

# How hard the pictures are: calibrated against photographs (data/README.md).
PORTRAIT = (0.4, 0.64)  # half a head, in half pictures
GRASS = 0.22  # chance of grass in front
BRANCH = 0.15
BLUR = (1.4, 3.2)  # width of an edge in pixels
LIGHT = 0.2
EXPOSURE = 0.2
CONTRAST = (0.55, 1.0)
TINT = 0.05
NOISE = (0.015, 0.07)
DARK = _palette("1a1417")[:, 0]
WHITE = _palette("f7f5f0")[:, 0]
PINK = _palette("e68c8c")[:, 0]
GLASS = _palette("8cb8d1")[:, 0]
LAMP = _palette("ffeb9e")[:, 0]
RED = _palette("cc1a1a")[:, 0]


def draw(class_name, seed=0, size=32):
    """Draw one picture of a class.

    The same seed gives the same scene at every size.  Returns uint8 of shape
    (size, size, 3).  Raises ValueError for an unknown class or a size < 8.
    Taught in notebook 01.
    """
    return draw_many(class_name, 1, size, seed)[0]


def draw_many(class_name, count, size=32, seed=0):
    """Draw `count` different pictures of a class.

    Picture i depends only on the class, the seed and i, not on `count`.
    Returns uint8 of shape (count, size, size, 3). Raises ValueError for an
    unknown class, a negative count or a size < 8.

    Taught in notebook 00.
    """
    if class_name not in CLASS_NAMES:
        raise ValueError(
            f"No drawings of {class_name!r}: choose one of "
            f"{', '.join(CLASS_NAMES)}."
        )
    if count < 0:
        raise ValueError(f"count is {count}: ask for 0 pictures or more.")
    if size < 8:
        raise ValueError(f"size is {size}: ask for 8 pixels or more.")
    kind = CLASS_NAMES.index(class_name)
    start = _scramble(np.array([int(seed) % 2**59 * 8 + kind], np.uint64))
    keys = _scramble(start + np.arange(count, dtype=np.uint64))
    pictures = np.empty((count, size, size, 3), np.uint8)
    batch = max(1, 32 * 1024 // size**2)
    views = _ANIMAL_VIEWS if kind < 3 else _VEHICLE_VIEWS[class_name]
    view_of = (keys >> np.uint64(32)) % np.uint64(len(views))
    for number, view in enumerate(views):
        places = np.flatnonzero(view_of == number)
        for first in range(0, len(places), batch):
            chosen = places[first : first + batch]
            easel = _Easel(keys[chosen], size)
            view(easel, kind)
            pictures[chosen] = easel.develop()
    return pictures


def _scramble(numbers):
    """Hash uint64 numbers (the finalizer of SplitMix64, Steele 2014)."""
    numbers = numbers * np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(
        0xBF58476D1CE4E5B9
    )
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(
        0x94D049BB133111EB
    )
    return numbers ^ (numbers >> np.uint64(31))


class _Frame:
    """Coordinates of a part: u to the right, v down, in units of `scale`.

    Every shape returns the distance of each pixel to its outline in units
    of the picture, negative inside.
    """

    def __init__(self, u, v, scale):
        self.u, self.v, self.scale = u, v, scale

    def place(self, u, v, scale, tilt=0.0):
        """Return the frame centered at (u, v), turned by 2 atan(tilt)."""
        whole = (1 + tilt * tilt) * scale
        cosine, sine = (1 - tilt * tilt) / whole, 2 * tilt / whole
        across, down = self.u - u, self.v - v
        return _Frame(
            across * cosine + down * sine,
            down * cosine - across * sine,
            self.scale * scale,
        )

    def mirror(self, centre=0.0, squeeze=1.0):
        """Fold the frame at u = `centre`, so that one shape paints two."""
        u = self.u - centre
        return _Frame(np.maximum(u * squeeze, -u), self.v, self.scale)

    def ellipse(self, u, v, across, down):
        """An ellipse with half axes `across` and `down`."""
        a, b = (self.u - u) / across, (self.v - v) / down
        a *= a
        b *= b
        distance = np.sqrt(a + b)
        distance -= 1
        distance *= np.minimum(across, down) * self.scale
        return distance

    def limb(self, u, v, to_u, to_v, radius, to_radius):
        """A round-ended limb from (u, v) to (to_u, to_v)."""
        du, dv = to_u - u, to_v - v
        square = du * du + dv * dv
        t = self.u * (du / square)
        t = t + self.v * (dv / square)
        t -= (u * du + v * dv) / square
        np.clip(t, 0, 1, out=t)
        a = self.u - (t * du + u)
        b = self.v - (t * dv + v)
        a *= a
        b *= b
        a += b
        distance = np.sqrt(a, out=a)
        distance -= t * (to_radius - radius) + radius
        distance *= self.scale
        return distance

    def leaf(self, u, v, to_u, to_v, width, bulge=0.0):
        """A pointed leaf; bulge 0: a triangle, 1: a parabola, 3: a drop."""
        du, dv = to_u - u, to_v - v
        square = du * du + dv * dv
        length = np.sqrt(square)
        t = self.u * (du / square)
        t = t + self.v * (dv / square)
        t -= (u * du + v * dv) / square
        s = self.u * (dv / length)
        s = s - self.v * (du / length)
        s -= (u * dv - v * du) / length
        np.abs(s, out=s)
        s -= (1 - t) * (t * (bulge * width) + width)
        slope = width * (1 + 0.5 * bulge) / length
        s *= self.scale / np.sqrt(1 + slope * slope)
        return np.maximum(s, t * (-length * self.scale), out=s)

    def box(self, u, v, across, down, corner):
        """A box with rounded corners."""
        a = np.maximum(np.abs(self.u - u) - (across - corner), 0)
        b = np.maximum(np.abs(self.v - v) - (down - corner), 0)
        return (np.sqrt(a * a + b * b) - corner) * self.scale


class _Easel:
    """A batch of canvases and the random numbers that make each different."""

    def __init__(self, keys, size):
        self.count, self.size = len(keys), size
        rolls = _scramble(
            keys[:, None] + np.arange(1, 257, dtype=np.uint64)[None]
        )
        rolls = (rolls >> np.uint64(40)).astype(np.float32)
        self._rolls = np.ascontiguousarray((rolls / 2**24).T)[..., None, None]
        self._next = 0
        self._grain = (keys >> np.uint64(32)).astype(np.uint32)
        pixel = 2.0 / size
        centres = np.arange(size, dtype=np.float32) * pixel + (pixel / 2 - 1)
        flip = np.where(self.chance(0.5), -1, 1).astype(np.float32)
        self.x, self.y = centres[None, None] * flip, centres[None, :, None]
        self.canvas = np.empty((3, self.count, size, size), np.float32)
        self.page = _Frame(
            np.broadcast_to(self.x, self.canvas.shape[1:]),
            np.broadcast_to(self.y, self.canvas.shape[1:]),
            np.float32(1),
        )
        self.edge = -1 / (pixel * self.uniform(*BLUR))

    def uniform(self, low=0.0, high=1.0):
        """Roll one number per picture: float32 of shape (count, 1, 1)."""
        self._next += 1
        return self._rolls[self._next - 1] * (high - low) + low

    def chance(self, probability):
        """Roll True or False for each picture."""
        self._next += 1
        return self._rolls[self._next - 1] < probability

    def pick(self, colours, spread=0.06):
        """Pick one of the colors for each picture, and vary it a little."""
        row = (self.uniform() * colours.shape[1]).astype(np.intp)[:, 0, 0]
        return colours[:, row, 0] * self.uniform(0.88, 1.1) + self.uniform(
            -spread, spread
        )

    def fill(self, distance, colour, strength=1.0, thickness=None):
        """Paint the inside of a shape; return how much covers each pixel."""
        cover = distance * self.edge
        cover += 0.5
        np.clip(cover, 0, 1, out=cover)
        if thickness is not None:
            strength = strength * np.minimum(thickness * -2 * self.edge, 1)
        cover *= strength
        layer = colour - self.canvas
        layer *= cover
        self.canvas += layer
        return cover

    def develop(self):
        """Light, haze and grain, then bytes (count, size, size, 3)."""
        canvas = self.canvas
        light = self.x * self.uniform(-LIGHT, LIGHT)
        light = light + self.y * self.uniform(-LIGHT, LIGHT)
        light += self.uniform(1 - EXPOSURE, 1 + EXPOSURE)
        contrast = self.uniform(*CONTRAST)
        canvas *= light * contrast
        tint = np.stack([self.uniform(-TINT, TINT) for _ in range(3)])
        canvas += tint + (1 - contrast) * self.uniform(0.3, 0.7)
        grain = np.arange(canvas[:, 0].size, dtype=np.uint32)
        grain = grain.reshape(3, 1, self.size, self.size) * np.uint32(
            0x9E3779B9
        )
        grain = grain + self._grain[:, None, None]
        grain ^= grain >> np.uint32(16)
        grain *= np.uint32(0x7FEB352D)
        grain ^= grain >> np.uint32(15)
        grain *= np.uint32(0x846CA68B)
        grain >>= np.uint32(8)
        noise = grain.astype(np.float32)
        noise -= 2.0**23
        noise *= self.uniform(*NOISE) * (2.0**-23 * math.sqrt(32 / self.size))
        canvas += noise
        canvas *= 255
        canvas += 0.5
        np.clip(canvas, 0, 255, out=canvas)
        return canvas.astype(np.uint8).transpose(1, 2, 3, 0)


def _background(easel, ground_chance=0.75):
    """Paint a wall or a sky, a ground, and a few blurred things."""
    roll, fill = easel.uniform, easel.fill
    page = easel.page
    top, low = easel.pick(WALLS), easel.pick(WALLS)
    low = top + (low - top) * roll(0, 0.5)
    easel.canvas[:] = top + (low - top) * (easel.y * 0.5 + 0.5)
    for _ in range(2):
        size = roll(0.1, 0.7)
        blob = page.ellipse(
            roll(-1.1, 1.1), roll(-1, 0.7), size, size * roll(0.4, 1.6)
        )
        fill(blob, easel.pick(ANY), roll(0, 0.7))
    foot = roll(-1.2, 1.2)
    leaf = page.leaf(
        foot,
        roll(0, 1.2),
        foot + roll(-0.6, 0.6),
        roll(-1, 0),
        roll(0.1, 0.5),
        roll(0, 2),
    )
    fill(leaf, easel.pick(ANY), roll(0, 0.7))
    horizon = roll(0.0, 0.8)
    ground = horizon - easel.y + easel.x * roll(-0.1, 0.1)
    fill(ground, easel.pick(GROUNDS), 1.0 * easel.chance(ground_chance))


def _foreground(easel):
    """Paint grass or a branch in front of some pictures."""
    roll, fill = easel.uniform, easel.fill
    page = easel.page
    colour = easel.pick(GROUNDS)
    grass = np.float32(1) * easel.chance(GRASS)
    foot = roll(-1, 0.4)
    for step in (0, 0.25, 0.5):
        blade = page.leaf(
            foot + step,
            1.1,
            foot + step + roll(-0.3, 0.3),
            roll(-0.3, 0.6),
            roll(0.03, 0.09),
            1.0,
        )
        fill(blade, colour, grass)
    branch = page.limb(
        -1.2,
        roll(-0.9, 1.0),
        1.2,
        roll(-0.9, 1.0),
        roll(0.03, 0.09),
        roll(0.02, 0.06),
    )
    brown = easel.pick(GROUNDS) * 0.7
    fill(branch, brown, 1.0 * easel.chance(BRANCH))


def _traits(easel, kind):
    """Roll the looks of one animal of a kind (0 cat, 1 dog, 2 fox)."""
    looks = {name: easel.uniform(*row[kind]) for name, row in TRAITS.items()}
    for name, row in CHANCES.items():
        looks[name] = np.float32(1) * easel.chance(row[kind])
    looks = SimpleNamespace(**looks)
    looks.fur = easel.pick(FURS)
    whiter = easel.uniform(0.55, 0.9)
    looks.light = looks.fur + (WHITE - looks.fur) * whiter
    looks.dark = looks.fur * easel.uniform(0.25, 0.5)
    looks.shade = looks.fur * 0.82
    return looks


def _head(easel, frame, looks, turn):
    """Paint a head; turn 0 looks at us, 1 looks to the side."""
    fill = easel.fill
    n = looks
    skull = frame.ellipse(0.0, 0.0, n.head_width, n.head_height)
    half = frame.mirror(0.12 * turn, 1 + 0.45 * turn)
    cheek = half.leaf(0.1, 0.12, n.cheek_out, n.cheek_down, 0.42, 0.6)
    nose_u = turn * (0.3 + 0.9 * n.muzzle_length)
    nose_v = 0.3 + n.muzzle_length * (0.75 - 0.3 * turn)
    muzzle = frame.limb(
        turn * 0.25, 0.26, nose_u, nose_v, n.muzzle_base, n.muzzle_tip
    )
    head = np.minimum(np.minimum(skull, cheek), muzzle)
    fill(head - 0.045 * frame.scale, n.shade * 0.75, 0.8)
    cover = fill(head, n.fur)

    # ears behind the head, or, when floppy, before it
    face = frame.mirror(-0.14 * turn, 1 + 0.25 * turn)
    root_u, root_v = n.ear_apart, -0.45 - 0.1 * n.floppy
    out = n.ear_out + n.floppy * (0.25 + 0.3 * n.ear_out)
    down = 2 * n.floppy - 1
    unit = n.ear_length * (1 - 0.45 * n.folded) / np.sqrt(1 + out * out)
    tip_u, tip_v = root_u + out * unit, root_v + down * unit
    root_u = root_u + 0.12 * n.floppy
    bulge = n.ear_bulge + 2.2 * n.floppy
    width = n.ear_width * (1 - 0.25 * n.floppy)
    ear = face.leaf(root_u, root_v, tip_u, tip_v, width, bulge)
    colour = n.shade + (n.dark - n.shade) * n.dark_ears
    hidden = 1 - cover * (1 - n.floppy)
    fill(ear - 0.045 * frame.scale, n.shade * 0.75, hidden * 0.8)
    fill(ear, colour, hidden)
    inner = PINK + (n.light - PINK) * 0.5
    inset = ear + 0.11 * frame.scale
    fill(inset, inner, hidden * (0.85 - 0.85 * n.floppy))

    # markings of the coat
    n.half_light = n.light_face * 0.95
    pale = half.ellipse(0.5, 0.42, 0.5, 0.36)
    fill(np.maximum(pale, head), n.light, n.half_light)
    blaze = frame.leaf(turn * 0.3, 0.5, turn * 0.15, -0.85, 0.2, 0.3)
    fill(blaze, n.light, n.blaze)
    patch = frame.ellipse(-0.42, -0.12, 0.38, 0.44)
    fill(np.maximum(patch, head), n.dark, n.patch)
    centre = frame.mirror(0.12 * turn)
    stripe = np.minimum(
        centre.limb(0.0, -0.42, 0.0, -0.85, 0.05, 0.06),
        centre.limb(0.2, -0.46, 0.28, -0.8, 0.05, 0.05),
    )
    stripe = np.minimum(stripe, half.limb(0.72, 0.14, 1.0, 0.06, 0.05, 0.04))
    fill(np.maximum(stripe, head), n.dark, n.stripes)

    # muzzle
    tone = n.fur + (n.light - n.fur) * np.maximum(n.light_face, 0.35)
    tone = tone + (n.dark - tone) * n.dark_muzzle
    fill(muzzle + 0.03 * frame.scale, tone)

    # eyes
    eyes = frame.mirror(0.3 * turn, 1 + 0.35 * turn)
    eyes.v = eyes.v + 0.12 + n.eye_slant * (eyes.u - n.eye_apart)
    size = n.eye_size
    tear = eyes.limb(n.eye_apart - 0.05, 0.06, 0.14, 0.5, 0.05, 0.04)
    fill(tear, n.dark, n.tear_line * 0.8)
    eye = eyes.ellipse(n.eye_apart, 0.0, size, size * n.eye_height)
    small = size * frame.scale
    fill(eye - 0.03 * frame.scale, DARK, 1.0, small)
    fill(eye + 0.015 * frame.scale, n.iris, 1.0, small)
    pupil = size * (0.62 - 0.34 * n.slit_pupil)
    fill(
        eyes.ellipse(n.eye_apart, 0.0, pupil, size * 0.68 * n.eye_height),
        DARK,
        1.0,
        pupil * frame.scale,
    )
    glint = size * 0.26
    fill(
        eyes.ellipse(n.eye_apart - 0.3 * size, -0.35 * size, glint, glint),
        WHITE,
        1.0,
        glint * frame.scale,
    )

    # nose, mouth, whiskers
    snout = frame.place(nose_u, nose_v, 1.0).mirror()
    snout_v = n.muzzle_tip * 0.25
    line = np.minimum(
        snout.limb(0.0, -0.05, 0.0, snout_v, 0.022, 0.022),
        snout.limb(0.0, snout_v, 0.19, snout_v - 0.05, 0.025, 0.02),
    )
    tongue = snout.ellipse(0.0, snout_v + 0.14, 0.11, 0.15)
    fill(tongue, PINK, n.tongue)
    thin = 0.025 * frame.scale
    fill(line, DARK, 0.85, thin)
    nose = snout.ellipse(
        0.0, -0.35 * n.muzzle_tip, n.nose_width, n.nose_width * 0.72
    )
    fill(nose, DARK + (PINK - DARK) * n.pink_nose)
    whisker = np.minimum(
        snout.limb(0.2, -0.02, 0.85, -0.12, 0.015, 0.006),
        snout.limb(0.2, 0.05, 0.82, 0.12, 0.015, 0.006),
    )
    fill(whisker, WHITE, n.whiskers, 0.012 * frame.scale)


def _animal(easel, kind):
    """Prepare the background and the looks of an animal."""
    _background(easel)
    looks = _traits(easel, kind)
    looks.iris = easel.pick(IRISES)
    return looks


def _portrait(easel, kind):
    """Paint head and chest."""
    roll, fill = easel.uniform, easel.fill
    looks = _animal(easel, kind)
    scale = roll(*PORTRAIT)
    frame = easel.page.place(
        roll(-0.25, 0.25), roll(-0.1, 0.35), scale, roll(-0.16, 0.16)
    )
    lean = roll(-0.5, 0.3)
    chest = frame.limb(0.0, 0.5, lean, 2.6, 0.62, roll(0.8, 1.2))
    fill(chest, looks.shade)
    bib = frame.leaf(0.0, 0.3, lean, roll(1.6, 2.6), 0.5, 1.5)
    fill(np.maximum(bib, chest), looks.light, looks.light_face)
    _head(easel, frame, looks, roll(0, 0.9))
    _foreground(easel)


def _tail(easel, frame, looks, points):
    """Paint a tail of two limbs through three points (u, v)."""
    fill = easel.fill
    (u, v), (middle_u, middle_v), (end_u, end_v) = points
    thick, tip = looks.tail_middle, looks.tail_tip
    first = frame.limb(u, v, middle_u, middle_v, 0.08, thick)
    last = frame.limb(middle_u, middle_v, end_u, end_v, thick, tip)
    fill(np.minimum(first, last), looks.shade)
    end = frame.ellipse(end_u, end_v, 0.2, 0.2)
    fill(np.maximum(last, end), looks.light, looks.light_tip)


def _sitting(easel, kind):
    """Paint a sitting animal from the front."""
    roll, fill = easel.uniform, easel.fill
    looks = _animal(easel, kind)
    frame = easel.page.place(
        roll(-0.25, 0.25),
        roll(-0.05, 0.2),
        roll(0.85, 1.05),
        roll(-0.05, 0.05),
    )
    side = roll(0.55, 0.8)
    _tail(
        easel,
        frame,
        looks,
        ((0.2, 0.75), (side, 0.72), (side + 0.1, roll(0.0, 0.6))),
    )
    lean = roll(-0.08, 0.08)
    broad = roll(0.34, 0.46)
    torso = frame.limb(lean, -0.2, 0.0, 0.5, broad * 0.6, broad)
    fill(torso, looks.shade)
    both = frame.mirror()
    hind = both.ellipse(broad * 0.85, 0.66, 0.2, 0.24)
    fill(hind, looks.fur)
    bib = frame.leaf(lean, -0.3, 0.0, 0.5, broad * 0.5, 1.5)
    fill(bib, looks.light, looks.light_face)
    sock = looks.fur + (looks.dark - looks.fur) * looks.dark_legs
    legs = both.limb(0.14, 0.15, 0.15, 0.84, 0.1, 0.085)
    fill(legs, sock)
    head = frame.place(
        lean, roll(-0.55, -0.42), roll(0.38, 0.48), roll(-0.15, 0.15)
    )
    _head(easel, head, looks, roll(0, 0.9))
    _foreground(easel)


def _standing(easel, kind):
    """Paint a standing or walking animal from the side."""
    roll, fill = easel.uniform, easel.fill
    looks = _animal(easel, kind)
    frame = easel.page.place(
        roll(-0.2, 0.1), roll(0.0, 0.2), roll(0.85, 1.05), roll(-0.05, 0.05)
    )
    _tail(
        easel,
        frame,
        looks,
        ((-0.5, 0.0), (-0.78, roll(-0.2, 0.2)), (-0.95, roll(-0.6, 0.4))),
    )
    deep = roll(0.22, 0.3)
    foot = deep + looks.leg_length
    step = roll(-0.1, 0.1)
    both = frame.mirror(-0.05)
    far = both.limb(0.34, 0.05, 0.3 + step, foot - 0.04, 0.12, 0.065)
    fill(far, looks.shade * 0.8)
    torso = frame.limb(-0.42, 0.02, 0.36, -0.02, deep * 0.95, deep)
    neck = frame.limb(0.34, -0.05, 0.55, -0.38, deep * 0.9, 0.2)
    fill(np.minimum(torso, neck), looks.fur)
    belly = frame.ellipse(0.0, deep + 0.02, 0.5, 0.14)
    fill(np.maximum(belly, torso), looks.light, looks.light_face)
    sock = looks.fur + (looks.dark - looks.fur) * looks.dark_legs
    near = both.limb(0.4, 0.05, 0.42 - step, foot, 0.13, 0.07)
    fill(near, sock)
    head = frame.place(
        0.58, roll(-0.5, -0.38), roll(0.34, 0.44), roll(-0.1, 0.2)
    )
    _head(easel, head, looks, roll(0.3, 1.0))
    _foreground(easel)


_ANIMAL_VIEWS = (_portrait, _portrait, _sitting, _standing)


def _plane_side(easel, kind):
    """Paint an airplane from the side."""
    roll, fill = easel.uniform, easel.fill
    _background(easel, 0.3)
    frame = easel.page.place(
        roll(-0.15, 0.15), roll(-0.25, 0.25), roll(0.6, 0.95), roll(-0.2, 0.12)
    )
    body, trim = easel.pick(PAINTS), easel.pick(PAINTS)
    thick = roll(0.11, 0.17)
    back = roll(0.3, 0.5)
    fin = frame.leaf(-0.72, 0.05, -0.95, -back, 0.2, 0.4)
    fill(fin, trim)
    far = frame.limb(0.08, -0.05, -0.2, -0.36, 0.09, 0.03)
    fill(far, body * 0.7)
    hull = frame.limb(-0.82, -0.03, 0.72, 0.0, thick * 0.4, thick)
    fill(hull - 0.025, body * 0.55, 0.7)
    fill(hull, body)
    belly = np.maximum(hull, frame.ellipse(0.0, 0.3, 1.5, 0.28))
    fill(belly, body * 0.8)
    row = frame.box(0.05, -0.04, 0.5, 0.026, 0.02)
    fill(row, GLASS * 0.6, 1.0 * easel.chance(0.7), 0.03)
    pane = np.maximum(hull, frame.ellipse(0.78, -0.08, 0.12, 0.08))
    fill(pane, GLASS)
    reach, drop = roll(-0.5, -0.2), roll(0.3, 0.55)
    wing = frame.limb(0.08, 0.06, reach, drop, 0.13, 0.035)
    fill(wing - 0.02, body * 0.5, 0.7)
    fill(wing, body * 0.88)
    engine = frame.limb(-0.05, 0.2, 0.14, 0.2, 0.07, 0.085)
    fill(engine, trim * 0.85, 1.0 * easel.chance(0.7))
    tail = frame.leaf(-0.7, -0.02, -0.98, 0.1, 0.1, 0.3)
    fill(tail, body * 0.75)


def _plane_above(easel, kind):
    """Paint an airplane seen from above or below."""
    roll, fill = easel.uniform, easel.fill
    _background(easel, 0.2)
    frame = easel.page.place(
        roll(-0.15, 0.15), roll(-0.15, 0.15), roll(0.6, 0.9), roll(-0.9, 0.9)
    )
    body, trim = easel.pick(PAINTS), easel.pick(PAINTS)
    both = frame.mirror()
    sweep = roll(0.0, 0.5)
    wing = both.leaf(0.0, -0.02, 0.98, sweep, roll(0.16, 0.28), 0.2)
    fill(wing - 0.02, body * 0.5, 0.7)
    fill(wing, body * 0.88)
    where = roll(0.3, 0.45)
    engine = both.limb(
        where, sweep * 0.3 - 0.18, where, sweep * 0.3 + 0.05, 0.07, 0.06
    )
    fill(engine, trim * 0.85, 1.0 * easel.chance(0.8))
    tail = both.leaf(0.0, 0.7, 0.4, 0.7 + 0.4 * sweep, 0.13, 0.3)
    fill(tail, trim)
    thick = roll(0.1, 0.15)
    hull = frame.limb(0.0, -0.72, 0.0, 0.85, thick, thick * 0.4)
    fill(hull - 0.02, body * 0.55, 0.7)
    fill(hull, body)
    fin = frame.leaf(0.0, 0.92, 0.0, 0.55, 0.03, 0.5)
    fill(fin, trim * 0.7)
    pane = frame.ellipse(0.0, -0.74, thick * 0.7, 0.06)
    fill(pane, GLASS * 0.7)


def _car_side(easel, kind):
    """Paint an automobile from the side."""
    roll, fill = easel.uniform, easel.fill
    _background(easel, 1.0)
    frame = easel.page.place(
        roll(-0.15, 0.15), roll(0.0, 0.35), roll(0.65, 0.95), roll(-0.06, 0.06)
    )
    paint = easel.pick(PAINTS)
    wheel = roll(0.17, 0.23)
    apart = roll(0.5, 0.62)
    both = frame.mirror()
    shadow = frame.ellipse(0.0, 0.36, 1.0, 0.07)
    fill(shadow, DARK, 0.5)
    roof = roll(-0.55, -0.35)
    cabin = frame.place(roll(-0.22, 0.05), 0.0, 1.0)
    long = roll(0.3, 0.5)
    top = long * roll(0.35, 0.8)
    half = cabin.mirror()
    cab = np.minimum(
        half.limb(top, roof + 0.12, long, -0.02, 0.12, 0.15),
        half.box(0.0, roof + 0.3, top, 0.3, 0.08),
    )
    fill(cab - 0.02, paint * 0.55)
    fill(cab, paint)
    low = frame.box(0.0, 0.1, 0.95, roll(0.18, 0.24), 0.14)
    fill(low - 0.02, paint * 0.55)
    fill(low, paint)
    side = half.u - top + 0.06 - (half.v - roof) * (top - long) / roof
    edge = np.maximum(np.abs(half.v - roof / 2) + roof / 2 + 0.08, side)
    pillar = 0.03 - np.abs(cabin.u + 0.02)
    glass = np.maximum(edge, pillar) * frame.scale
    fill(glass, GLASS)
    lamp = np.maximum(low, frame.ellipse(0.93, 0.04, 0.1, 0.07))
    fill(lamp, LAMP)
    rear = np.maximum(low, frame.ellipse(-0.95, 0.04, 0.07, 0.07))
    fill(rear, RED)
    tyre = both.ellipse(apart, 0.26, wheel, wheel)
    fill(tyre, DARK)
    fill(tyre + wheel * 0.45 * frame.scale, np.float32(0.75))


def _car_front(easel, kind):
    """Paint an automobile from the front."""
    roll, fill = easel.uniform, easel.fill
    _background(easel, 1.0)
    frame = easel.page.place(
        roll(-0.2, 0.2), roll(0.0, 0.35), roll(0.6, 0.9), roll(-0.05, 0.05)
    )
    paint = easel.pick(PAINTS)
    both = frame.mirror(0.0, roll(1.0, 1.3))
    fill(frame.ellipse(0.0, 0.52, 0.95, 0.08), DARK, 0.5)
    tyre = both.box(0.6, 0.36, 0.13, 0.2, 0.06)
    fill(tyre, DARK)
    roof = roll(-0.62, -0.42)
    cab = both.limb(0.2, roof + 0.15, 0.42, -0.05, 0.15, 0.2)
    cab = np.minimum(cab, both.box(0.0, roof + 0.3, 0.3, 0.3, 0.1))
    fill(cab - 0.02, paint * 0.55)
    fill(cab, paint * 0.92)
    glass = np.maximum(cab + 0.07, (frame.v + 0.06) * frame.scale)
    fill(glass, GLASS)
    low = both.box(0.0, 0.14, 0.74, 0.27, 0.14)
    fill(low - 0.02, paint * 0.55)
    fill(low, paint)
    grill = frame.box(0.0, 0.2, roll(0.2, 0.4), 0.08, 0.05)
    fill(grill, DARK + 0.1)
    size = roll(0.09, 0.14)
    lamp = both.ellipse(0.54, 0.1, size, size * roll(0.6, 1.0))
    fill(lamp - 0.015, paint * 0.5)
    fill(lamp, LAMP)
    bumper = both.box(0.0, 0.36, 0.72, 0.05, 0.04)
    fill(bumper, paint * 0.6)


_VEHICLE_VIEWS = {
    "airplane": (_plane_side, _plane_above),
    "automobile": (_car_side, _car_front),
}
