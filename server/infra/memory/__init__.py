"""Bus, presence and rate limits inside one process; also the fakes of tests."""
