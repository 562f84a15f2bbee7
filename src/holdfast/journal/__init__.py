"""The journal without I/O: encoding, the hash chain, and the replay machine."""
