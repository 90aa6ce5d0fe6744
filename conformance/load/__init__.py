"""Load: many users at once, driven by Locust, and judged while it is measured."""
