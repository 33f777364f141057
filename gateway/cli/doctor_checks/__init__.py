"""The checks of `gatepost doctor`, one module for each part of what is around the gateway."""
