"""The command `r2c-verify`."""
