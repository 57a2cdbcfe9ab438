"""A local page on which a person draws zones on a clip and marks what happens in it: the way to a dataset of one's own."""
