"""What demonstrations share: a pipeline is run some times, each run is shown, and held against what was told."""
