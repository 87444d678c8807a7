"""The only place that parses image bytes: killable workers that are told matrices and sizes, never torch."""
