"""Tenancy: several engines on one card, with MIG and without."""
