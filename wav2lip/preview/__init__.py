"""A look at what a run would make: a contact sheet, or a short video, of moments that matter."""
