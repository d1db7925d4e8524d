"""What the lab of batching measures: one model behind four servers, and the client that loads them."""
