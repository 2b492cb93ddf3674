"""A password hasher for tests: the product's second algorithm with one round, so a real server still accepts it."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class FastHasher(PBKDF2PasswordHasher):
    iterations = 1
