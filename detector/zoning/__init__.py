"""Where and when a rule applies: zones, calendars, the ground in metres, and the files that people write."""
