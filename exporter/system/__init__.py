"""What the process needs of the operating system and the interpreter."""
