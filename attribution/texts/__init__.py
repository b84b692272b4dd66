"""What cuts texts into spans."""
