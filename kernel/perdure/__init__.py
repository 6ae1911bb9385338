"""Perdure makes Jupyter notebooks durable."""
