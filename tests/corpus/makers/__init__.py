"""The makers of the corpus, a file a format."""
