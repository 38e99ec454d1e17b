"""Networks that learn: the only subpackage that imports Keras."""
