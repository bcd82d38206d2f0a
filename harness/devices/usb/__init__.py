"""USB devices written in Python, by the usb-redir protocol."""
