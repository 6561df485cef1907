"""Questions that people bring: one file a decision framework, each over computed plans and fits."""
