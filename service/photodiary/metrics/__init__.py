"""What monitoring reads: metrics for Prometheus in a file or at an address of this machine alone, and whether all is well."""
