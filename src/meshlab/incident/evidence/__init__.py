"""What was recorded elsewhere: collected, read line by line, laid on one clock."""
