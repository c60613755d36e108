"""Is everything as it must be? What ``kakehashi doctor`` looks at, and what to do about it."""
