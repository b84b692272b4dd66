"""The rows that a model is tried on, and baselines: made up, from statistics, from examples."""
