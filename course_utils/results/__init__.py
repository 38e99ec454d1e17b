"""Stored numbers: read, judged and drawn, never measured."""
