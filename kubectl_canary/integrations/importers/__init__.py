"""What other tools keep in a cluster → a release in files, and what of it cannot be said there; one tool a file."""
