"""Where a network looked: a map of heat over one picture.

For a network that ends in average pooling and one dense layer, the gradient
that Grad-CAM asks for is that layer's own weights: a product of matrices
suffices, with any backend. Sources: Zhou et al. (2016), "Learning deep
features for discriminative localization"; Selvaraju et al. (2017),
"Grad-CAM", which shows that both are then the same.
"""

import numpy as np
from PIL import Image


def heat_maps(classifier, pictures, class_indices):
    """Return how much each place supports a class: (count, height, width).

    classifier: a Sequential network that ends in GlobalAveragePooling2D and
        Dense; pictures: (count, height, width, 3); class_indices: (count,)

    Values range from 0 to 1, the largest in each picture; what counts against
    the class is 0. Raises ValueError for a network that ends otherwise.
    """
    import keras

    *seeing, pooling, dense = classifier.layers
    if not (
        isinstance(pooling, keras.layers.GlobalAveragePooling2D)
        and isinstance(dense, keras.layers.Dense)
    ):
        raise ValueError(
            "End the network in GlobalAveragePooling2D and Dense, so that "
            "the places of a picture can be told apart."
        )
    inputs = keras.Input(classifier.input_shape[1:])
    seeing = keras.Sequential([inputs, *seeing])
    kernel = keras.ops.convert_to_numpy(dense.kernel)
    activations = seeing.predict(pictures, verbose=0)
    heat = np.einsum(
        "nhwc,cn->nhw", activations, kernel[:, np.asarray(class_indices)]
    )
    heat = np.maximum(heat, 0)
    most = heat.max(axis=(1, 2), keepdims=True)
    return heat / np.maximum(most, 1e-12)


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
