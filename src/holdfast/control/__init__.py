"""Operations: everything that a person, a program or an agent can do to the system, each one typed function."""
