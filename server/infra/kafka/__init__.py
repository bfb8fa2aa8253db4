"""The event bus port on Kafka."""
