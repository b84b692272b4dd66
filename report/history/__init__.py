"""Attributions and verdicts over the runs of a pipeline."""
