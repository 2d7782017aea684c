"""Networks of the policy: points and words in, value maps and keyframes out."""
