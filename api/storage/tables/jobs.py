"""Work that needs pictures, waiting for a worker."""
