"""Observation-period completeness: which windows are proven, which are not, and until when that can be mended."""
