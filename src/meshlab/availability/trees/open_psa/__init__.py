"""The Open-PSA model exchange format, read and written."""
