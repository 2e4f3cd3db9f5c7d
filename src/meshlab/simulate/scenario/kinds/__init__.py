"""The kinds of fault: a file for each, listed in `table`; what each must offer is in `interface`."""
