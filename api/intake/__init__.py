"""What comes in: incidents, files of evidence, and what follows from their arrival."""
