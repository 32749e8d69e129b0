"""Who gets in: TLS, passwords, tokens, and the file that configures them."""
