"""The `kubernetes` client for one API server: how it is found and reached, who asks, and reviews of others' tokens.

Only this package imports `kubernetes`. Subclasses correct what the client does differently from kubectl, each where it
happens.
"""
