"""The gate: from evidence on disk to a verdict. A library of its own, which needs TFMA, but not TFX's components."""
