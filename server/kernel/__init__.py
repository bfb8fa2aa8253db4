"""What every context stands on: the ports of the outside world and the few shapes they share."""
