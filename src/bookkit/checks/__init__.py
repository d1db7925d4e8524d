"""What is wrong with the book before a reader finds it: sources, prose, code, and the editions as built.

Every check is a function from what it reads to findings (`bookkit.manuscript.Finding`). `validate` gathers
those on sources and editions, `lint` those on prose and code.
"""
