"""Each version of the core system that the README names is one the tests run against."""
