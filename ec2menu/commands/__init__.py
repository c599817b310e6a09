"""The menu's verbs as one-line commands."""
