"""What the menu and the one-line commands do alike: the context they share, logging in, finding a target, connecting.

Between the layers: flows join aws, resources, connectors and state, and tell the user through the Terminal; screens and
commands call them.
"""
