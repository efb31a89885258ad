"""Which candidates may be trained: limits, and a choice among those who meet them."""
