"""Ready pipelines."""
