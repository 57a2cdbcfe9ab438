"""What goes out: packs, and files in ranges."""
