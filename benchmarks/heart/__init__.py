"""The figures of the durable heart, one file each; every function takes a store url and returns plain numbers."""
