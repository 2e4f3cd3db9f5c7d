"""Pictures (matplotlib) and panels (ipywidgets), one file each."""
