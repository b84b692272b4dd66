"""From a SavedModel to its explanation metadata."""
