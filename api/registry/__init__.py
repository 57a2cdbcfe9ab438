"""What is watched and by which rules, as people have set it: every version is kept, and workers fetch theirs from here."""
