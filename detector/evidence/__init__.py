"""The files of a case: clips, stills, tracks, plates."""
