"""Networks that learn: the only room that imports Keras."""
