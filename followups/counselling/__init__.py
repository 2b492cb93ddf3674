"""心理疏导: referrals of a person with their consent, sessions, and notes that two people read."""
