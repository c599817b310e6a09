"""What exists in the account: one file per AWS service, each fetching (paged calls) beside parsing (pure)."""
