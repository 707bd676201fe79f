"""What hangs on the board: real inputs and outputs in front of the rules of core/."""
