"""Text formats that several layers read and write. Pure.

Times, durations, the paths of values, parts of sentences, and what a message says behind a name that means nothing. A
format belongs here if more than one layer uses it; it knows nothing of its uses.
"""
