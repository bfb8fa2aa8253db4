"""Accounts, sign-in, devices and profiles."""
