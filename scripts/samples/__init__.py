"""The questions of the offline samples, written for Podium: one literal a question, no code."""
