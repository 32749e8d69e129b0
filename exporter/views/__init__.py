"""What the API, the page and `explain` show of an object and of the fleet."""
