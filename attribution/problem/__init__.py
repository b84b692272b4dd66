"""What both engines share: the problem, its targets, randomness by row, results with their errors."""
