"""Shapes that no photograph shows: a test set that no network has seen."""

import numpy as np

from course_utils.data.pictures import Pictures


def invented_pair(count, size=32, seed=0):
    """Draw two kinds of things that no photograph shows, as `Pictures`.

    Closed curves with three lobes and with four, at any angle, size, color
    and place, over a gradient with noise. `count` training pictures of each,
    and as many test pictures. Taught in notebook 09.
    """

    generator = np.random.default_rng(seed)
    parts = []
    for number in (count, 0, count):
        labels = np.repeat([0, 1], number)
        pictures = [_curve(3 + y, size, generator) for y in labels]
        shape = (-1, size, size, 3)
        parts += [np.array(pictures, np.uint8).reshape(shape), labels]
    return Pictures(("trefoil", "quatrefoil"), "drawings", *parts)


def _curve(lobes, size, generator):
    random = generator.uniform
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    center = random(-0.25, 0.25, 2)
    y, x = y - center[0], (x - center[1]) * random(0.8, 1.25)
    angle = np.arctan2(y, x) + random(0, 2 * np.pi)
    radius = np.hypot(x, y)
    edge = random(0.4, 0.6) * (1 + random(0.2, 0.4) * np.cos(lobes * angle))
    if generator.integers(2):
        inside = np.abs(radius - edge) < random(0.08, 0.14)
    else:
        inside = radius < edge
    colors = random(0, 255, (3, 3))
    ramp = np.linspace(0, 1, size)[:, None, None] * np.ones((1, size, 1))
    ground = colors[0] * ramp + colors[1] * (1 - ramp)
    picture = np.where(inside[..., None], colors[2], ground)
    picture = picture + generator.normal(0, random(5, 30), picture.shape)
    return picture.clip(0, 255).astype(np.uint8)
