"""What people read: the summary of an experiment as tables and figures."""
