"""What a person sees: the terminal, tables, the selection grammar, the numbered menu."""
