"""One camera watched: a picture in, incidents out."""
