"""The engine of the methods over coalitions of features: games, designs, estimates from samples."""
