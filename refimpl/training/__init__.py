"""Training: the objective, the optimiser, clipping, warm-up of the KL weight, batches, the loop and its checkpoints."""
