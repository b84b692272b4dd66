"""The digits pipeline: it explains what is read off pictures, and its gate blocks what reads a scanner's mark."""
