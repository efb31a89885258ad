"""A folded network executed in a number format, all formats of a sweep, and the choice of the best one."""
