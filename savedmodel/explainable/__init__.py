"""From explanation metadata to the model cut open."""
