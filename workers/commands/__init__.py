"""The commands of the command line, one module each; the click command in it is named `command`."""
