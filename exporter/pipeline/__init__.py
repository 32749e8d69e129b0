"""From what an informer receives to rendered lines and to what the page shows."""
