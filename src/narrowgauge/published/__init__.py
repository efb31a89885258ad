"""The release that goes with the paper (IBM/iotnets): its files, and the paper's own figures."""
