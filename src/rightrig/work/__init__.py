"""What must be done: flop, bytes read, kept and sent by a model. It knows no hardware."""
