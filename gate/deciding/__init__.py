"""Deciding: TFMA's own validator over the evidence, and the policies around it."""
