"""Video in, clips out."""
