"""Gates on the built book: what a reader's browser, e-reader and PDF viewer get out of `_book`."""
