"""How to reach a resource: sessions, port-forwards, windows, the external programs they need. Never prints."""
