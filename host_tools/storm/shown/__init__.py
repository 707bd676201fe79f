"""What a storm tells whoever started it: sentences, a screen, a page with pictures."""
