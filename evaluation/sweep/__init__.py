"""What each combination of thresholds would do: analysed once, scored many times."""
