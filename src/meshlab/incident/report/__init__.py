"""The post-mortem as a document: in words, as HTML and as Markdown, with what to do next."""
