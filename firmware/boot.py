"""First thing after reset. Outputs keep their reset levels (locks have an external pull-down): nothing
moves at boot."""
