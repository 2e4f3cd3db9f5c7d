"""Panels of the notebooks (ipywidgets), one file each."""
