"""The report as a page (HTML) and as Markdown."""
