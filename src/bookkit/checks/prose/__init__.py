"""The style guide's mechanical rules over the book's prose."""
