"""Saying: verdicts for programs and for people."""
