"""AWS through boto3: one door for every call, errors by what to do about them, and the operations bring-up needs.

``session`` is the door; ``network``, ``compute`` and ``keys`` are thin typed operations; ``sweep`` proves that nothing
is left. Nothing here decides whether an object should be made: that is the journal's work (``provision``).
"""
