"""What goes wrong, and when: the plan of a seed, and what each fault does."""
