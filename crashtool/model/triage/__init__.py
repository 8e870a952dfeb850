"""Many crashes sorted into groups: rows, the user's rules, groups, related ones, comparisons."""
