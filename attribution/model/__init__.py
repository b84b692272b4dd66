"""Models, and how they are called: what methods ask of one, traces, sizes of calls."""
