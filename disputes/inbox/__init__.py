"""What was sent to a desk and waits there, and the instructions (督办、交办) that press a case."""
