"""What the client tests share: where things are, and hubs to talk to."""
