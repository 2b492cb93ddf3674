"""Referrals (移送对接): a matter handed to or received from another body, as a record whose outcome the sender sees."""
