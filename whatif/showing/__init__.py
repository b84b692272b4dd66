"""The page: its widgets, and the fragments of HTML that show answers."""
