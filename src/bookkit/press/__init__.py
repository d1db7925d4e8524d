"""The press: renders the book to HTML, PDF and EPUB with parts that the package registries carry."""
