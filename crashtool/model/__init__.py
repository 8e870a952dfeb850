"""What is known about a crash, a submission or a set of symbols: plain values."""
