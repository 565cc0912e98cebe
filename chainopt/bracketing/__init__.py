"""The order in which a product is associated, and the operations that it stands for."""
