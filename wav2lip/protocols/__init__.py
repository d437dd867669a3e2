"""The benchmarks of the original: which recordings are paired, and how their videos are generated."""
