"""Fine-tuning and prediction with torch, transformers and skorch; without scikit-learn."""
