"""The command line: ``holdfast``. Data goes to stdout, everything else to stderr; 0 is success, 1 an error, 2 a misuse."""
