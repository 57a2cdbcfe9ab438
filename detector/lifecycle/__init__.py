"""An incident from candidate to end: what is due when, what look-back is asked, what survives a restart."""
