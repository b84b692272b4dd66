"""The console command `tfx-explain`."""
