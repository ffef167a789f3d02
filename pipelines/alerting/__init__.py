"""Finding out what goes wrong in one home, without asking what went wrong, and where alerts wait."""
