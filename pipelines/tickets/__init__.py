"""The tickets pipeline: it explains what its models read in texts, and its gate blocks one that reads a signature."""
