"""What a flat graph says: features, what depends on them, where they can be differentiated; and cutting it there."""
