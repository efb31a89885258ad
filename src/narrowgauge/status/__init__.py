"""What is done, running, failed or waiting: marks that jobs leave, and an overview from marks and results."""
