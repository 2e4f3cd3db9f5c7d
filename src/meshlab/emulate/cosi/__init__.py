"""COSI: the store of typed resources that Talos and Omni both speak, with watches."""
