"""What AWS refuses and moto lets pass: one small function for each rule, each with its source."""
