"""Attributions as records, and files out."""
