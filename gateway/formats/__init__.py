"""Records: CSV and charsets; bytes in, values out."""
