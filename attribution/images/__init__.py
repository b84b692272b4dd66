"""Pictures cut into parts: over-segmentation, overlapping segments, and regions that grow of them."""
