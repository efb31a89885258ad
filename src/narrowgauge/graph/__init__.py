"""A network as data: operators, their order, their shapes. No weights, no framework.

One description serves every stage: costs are read from it, the trained network and the emulated one execute it,
and the exported file holds its operators in its order.
"""
