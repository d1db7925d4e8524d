"""A network of one's own: an emulated path, and the same audio over every transport that crosses it."""
