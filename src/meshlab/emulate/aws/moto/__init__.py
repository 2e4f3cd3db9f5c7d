"""moto's server as a child process: what the strict layer stands in front of."""
