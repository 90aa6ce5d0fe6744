"""What scenarios and fuzzing play on: the world of a backend, a stage for each scenario."""
