"""The API families over one core: each is a prefix, an error body and a table of contents."""
