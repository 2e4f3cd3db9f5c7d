"""Child processes: started, watched, ended with their owner; where their programs are found."""
