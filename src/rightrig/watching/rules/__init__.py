"""Alert rules: what is wrong with a machine at work, by thresholds that its plan or maker gives."""
