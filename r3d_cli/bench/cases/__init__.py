"""The suites: a file an op. ``bench.suite.Suite`` says what is what; ``io.py`` is a short one to copy."""
