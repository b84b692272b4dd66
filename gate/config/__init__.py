"""The gate's configuration: mistakes that are refused, and doubts that are warned of."""
