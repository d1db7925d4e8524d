"""The editions in `_book` as a reader gets them."""
