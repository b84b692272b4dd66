"""What the models are asked, and what they answer, without a page."""
