"""Side-by-side benchmarks behind `manage.py bench NAME`.

A bench measures one part against its limit and against the obvious alternatives, in turn within
one process, and holds what it measured against goals that are ratios: those mean the same on every
machine. A new bench is one module that defines BENCH, named in `registry`.
"""
