"""The checks, in a file each by what they ask; a check's name is its method's without ``test_``.

A check's docstring tells the author of an adapter that fails it what to do.
"""
