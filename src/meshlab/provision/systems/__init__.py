"""What the steps do, one module per system, and what every operation is given."""
