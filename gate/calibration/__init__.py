"""Bounds that are calibrated: from what sound models' attributions were, to a config that rarely stops one."""
