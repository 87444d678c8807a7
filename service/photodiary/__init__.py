"""photodiary: a phone's daily selfie, made into a growing, rock-steady time-lapse."""

__version__ = "0.1.0"
