"""Workplaces where agents answer: one folder draws threads and hears gestures in one tool."""
