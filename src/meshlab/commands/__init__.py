"""The commands of the command line, one file per job; each thin, the work is done in the rooms."""
