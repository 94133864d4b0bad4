"""What the package costs, measured: each module is a program, ``python -m benchmarks.<name>``."""
