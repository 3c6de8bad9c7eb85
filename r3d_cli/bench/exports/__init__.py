"""Results told as a table, CSV, Markdown, a plot or an HTML report: a module a format.

``table.show(results)`` prints; ``csv``, ``markdown``, ``plot`` and ``html`` have ``write(results, path)``.
"""
