"""A city's central broker: who may do what there, its configuration, and the bridges of sites to it."""
