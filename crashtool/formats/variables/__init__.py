"""What debug information of any format says of variables: their types, and where they are."""
