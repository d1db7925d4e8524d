"""What chapters claim: solutions of exercises, and findings that prose states in words."""
