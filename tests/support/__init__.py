"""What tests share: fakes, factories, real conversations, the log guard."""
