"""The month: who has submitted it, the county's freeze, and what was put right afterwards."""
