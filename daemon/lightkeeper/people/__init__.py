"""What veterans and staff see."""
