"""Files in: records, samples of them, batches of rows, decoded columns."""
