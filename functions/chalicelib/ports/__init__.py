"""What the use cases need of the outside; adapters and simulation implement it."""
