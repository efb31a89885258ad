"""What runs on the device: Linux, Python 3.8 or newer, numpy and a runtime, nothing else.

The host sends these modules over the program's standard input (``narrowgauge.devices.bundle``); nothing of them is
stored there. They may import each other, the standard library, numpy and, inside ``runtimes``, the engines.
"""
