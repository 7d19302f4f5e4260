"""Restores the names that Python 3.10 moved from collections to collections.abc: libraries of the old clients import them."""

import collections
import collections.abc

for name in collections.abc.__all__:
    if not hasattr(collections, name):
        setattr(collections, name, getattr(collections.abc, name))
