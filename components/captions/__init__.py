"""Judging captions: tokens, metrics, blessing."""
