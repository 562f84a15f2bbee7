"""What the gate costs: one decision under a hundred rules, and the heart with the gate fully on."""
