"""Benchmarks that check before they time: cases, peers, the runner, results and their exports."""
