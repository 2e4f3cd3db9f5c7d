"""The drawing of a topology: layout, places, machines, services, links."""
