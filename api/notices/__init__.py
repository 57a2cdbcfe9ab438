"""What other systems are told: a log of what happened, and the ways it goes out (webhooks, streams, MQTT)."""
