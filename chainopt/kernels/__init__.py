"""Compiled code: arrays in, arrays out; knows no other room."""
