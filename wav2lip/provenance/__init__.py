"""What a result says of itself: tags in its container, a record beside it, and signed Content Credentials."""
