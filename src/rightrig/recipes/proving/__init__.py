"""Proof before use: is the command taken, is there room, are files valid, is the machine fit."""
