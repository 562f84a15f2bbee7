"""What agent authors import; ``holdfast`` re-exports it."""
