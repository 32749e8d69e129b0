"""Why an object is not healthy: a pure function from an object and what belongs to it to findings.

No I/O, no clock: the time is an argument. A cause is named only if the object, a pod or an Event shows it;
what is merely late has the cause `unknown`.
"""
