"""The work: takes values, returns values; progress and warnings leave through callbacks."""
