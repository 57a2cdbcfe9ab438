"""A worker among others: which cameras are its own, what it fetches and leaves, and what it says of itself."""
