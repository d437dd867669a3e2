"""Who is in the picture, and who says what when."""
