"""The census pipeline: it explains its models, and its gate blocks one that a label leaked into."""
