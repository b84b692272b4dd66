"""The metadata file: its dialects, its rules, and names that were nearly right."""
