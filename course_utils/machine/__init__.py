"""This machine: its devices, its folders, its backend."""
