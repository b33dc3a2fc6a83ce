"""The command, where Metaxy has it."""
