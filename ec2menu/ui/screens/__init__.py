"""One short file per screen; a screen joins the layers and holds no rules."""
