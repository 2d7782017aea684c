"""Success on unseen scenes: episodes, statistics, reports."""
