"""The report on a period of the audit log, as one page: ``page`` draws it, ``words`` says it."""
