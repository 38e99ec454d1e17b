"""Where a network looked: a map of heat over one picture.

For a network that ends in average pooling and one dense layer, the gradient
that Grad-CAM asks for is that layer's own weights: a product of matrices
suffices, with any backend. Sources: Zhou et al. (2016), "Learning deep
features for discriminative localization"; Selvaraju et al. (2017),
"Grad-CAM", which shows that both are then the same.
"""

import numpy as np
from PIL import Image


def overlay(picture, heat, share=0.5):
    """Return a picture, uint8 (height, width, 3), with heat laid over it.

    heat: (rows, columns) from 0 to 1, stretched to the picture's size;
    share: of the heat's colors where it is greatest, from 0 to 1.
    """
    from matplotlib import colormaps

    picture = np.asarray(picture)
    stretched = Image.fromarray(heat.astype(np.float32)).resize(
        picture.shape[1::-1], Image.Resampling.BILINEAR
    )
    strength = np.asarray(stretched).clip(0, 1)
    colors = 255 * colormaps["inferno"](strength)[..., :3]
    weight = share * strength[..., None]
    grey = picture.mean(axis=2, keepdims=True)
    return ((1 - weight) * grey + weight * colors).astype(np.uint8)
