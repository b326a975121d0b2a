"""Committed rows to read: datasets and views, their scores in SQL, added scores, verification, exports."""
