"""The authors' tools: the manuscript model, the checks and the press."""
