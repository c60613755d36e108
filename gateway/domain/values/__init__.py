"""Municipal values: identifiers with their check digits, kana, eras, dates, text.

Each file answers one question: what a well-formed value of its kind is. ``fault(value)``
returns a stable dotted code that says what is wrong, or ``None``; it never raises for
any ``str``, and never normalises: what comes in is what is kept.
"""
