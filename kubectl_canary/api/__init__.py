"""What the API server would say to a document: schemas now, in the server's own order."""
