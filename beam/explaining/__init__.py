"""From batches of rows to attributions."""
