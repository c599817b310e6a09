"""One command on many nodes through SSM Run Command: planned, sent once, followed to the end, reported node by node."""
