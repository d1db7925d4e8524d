"""The tracker: where the book stands, derived from the book.

A person writes `tracker/book.yml`: what is planned, who may approve, what is blocked and why. Everything
else is evidence that is read out of the manuscript (`reading`, `evidence`), and the documents in `tracker/`
are generated from both (`document`, `breakdown`, `works`).
"""
